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
  close(): Promise<void>;
}
