/** Everything that decides whether two vectors may be compared. */
export interface EmbeddingModel {
  /** The name that trust.yaml knows, e.g. `local/hashed-384-v1`. */
  readonly name: string;
  /** Hash over provider, model, dimension, tokenizer, chunker and analyser version and weights. */
  readonly fingerprint: string;
  readonly dimensions: number;
  /** Longest input in the model's own tokens. */
  readonly maxTokens: number;
  /** How much its cosine counts in the fused order, 0 … 1; the lexical half has the rest. Chosen on calibration splits. */
  readonly denseWeight: number;
}

/** A text's single tokens as the model sees them in their place; without the marks that it puts around a text. */
export interface TokenOutputs {
  /** Ids in the model's own vocabulary, in the order of the text, cut where the text is cut. */
  readonly ids: Uint16Array;
  /**
   * One row of {@link TokenEmbedder.dimensions} signed bytes per id: a unit vector times 127, rounded. The cosine of two tokens is
   * the product of their rows / 127².
   */
  readonly vectors: Int8Array;
}

/** A text's vector and its tokens', of one pass of the model. */
export interface EmbeddedTokens {
  readonly vector: Float32Array;
  readonly tokens: TokenOutputs;
}

/** What an encoder can do that gives the outputs of single tokens, for late interaction (Khattab and Zaharia 2020). */
export interface TokenEmbedder {
  /** Length of a token's row. */
  readonly dimensions: number;
  /** As {@link Embedder.embed}, with the tokens; the vectors are the same bytes. */
  embed(
    texts: readonly string[],
    purpose: "passage" | "query",
    signal?: AbortSignal,
  ): Promise<readonly EmbeddedTokens[]>;
  /** The word that each token belongs to, as the model reads it (lower case, without accents, say). */
  words(ids: Uint16Array): readonly string[];
}

/**
 * Turns text into unit vectors. Any failure is an AppError `embedder-unavailable`; one with `retryAfterS` asks to be left alone for so long,
 * and `TextRefused` (core/embedding) is about the text and not an outage.
 */
export interface Embedder {
  readonly model: EmbeddingModel;
  /** Tokens of a text as the model counts them. */
  countTokens(text: string): number;
  /**
   * Vectors in the order of the texts: finite, unit length, {@link EmbeddingModel.dimensions} long.
   * @param purpose some models embed questions and passages differently.
   * @param signal aborted when nobody waits any more: what has not begun never does, requests under way are ended, and that is
   * `deadline-exceeded` and no failure of the encoder
   */
  embed(texts: readonly string[], purpose: "passage" | "query", signal?: AbortSignal): Promise<readonly Float32Array[]>;
  /** Absent when the encoder gives no token outputs, as behind most APIs. */
  readonly tokenOutputs?: TokenEmbedder;
  close(): Promise<void>;
}
