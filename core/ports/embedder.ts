import type { TokenOutputs } from "./index.ts";

/** Everything that decides whether two vectors may be compared. */
export interface EmbeddingModel {
  /** The name that trust.yaml knows, e.g. `local/hashed-384-v1`. */
  readonly name: string;
  /** Hash over provider, model, dimension, tokenizer, chunker and analyser version and weights. */
  readonly fingerprint: string;
  readonly dimensions: number;
  /** Longest input in the model's own tokens. */
  readonly maxTokens: number;
}

/** A text's vector with the outputs of its tokens, for late interaction. */
export interface TokenEmbedding {
  readonly vector: Float32Array;
  readonly tokens: TokenOutputs;
  /** The word that each token belongs to, as the model's tokenizer wrote it (lower case, perhaps without accents). */
  readonly words: readonly string[];
}

/** Turns text into unit vectors. Any failure is an AppError `embedder-unavailable`. */
export interface Embedder {
  readonly model: EmbeddingModel;
  /** Tokens of a text as the model counts them. */
  countTokens(text: string): number;
  /**
   * Vectors in the order of the texts: finite, unit length, {@link EmbeddingModel.dimensions} long.
   * @param purpose some models embed questions and passages differently.
   */
  embed(texts: readonly string[], purpose: "passage" | "query"): Promise<readonly Float32Array[]>;
  /**
   * As {@link Embedder.embed}, with the outputs of the tokens (those that the model adds by itself left out). Absent for an encoder that does
   * not give any; its fingerprint says so.
   */
  embedTokens?(texts: readonly string[], purpose: "passage" | "query"): Promise<readonly TokenEmbedding[]>;
  close(): Promise<void>;
}
