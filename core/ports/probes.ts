/** Vectors of fixed sentences, kept per fingerprint for good: what an encoder is held against. */
export interface ProbeStore {
  /** The stored vectors of a fingerprint by probe; empty before its first use. @throws AppError `ledger-unavailable` */
  read(fingerprint: string): Promise<ReadonlyMap<string, Float32Array>>;
  /** Stores vectors; one that is there already stays as it is. @throws AppError `ledger-unavailable` */
  keep(fingerprint: string, vectors: ReadonlyMap<string, Float32Array>): Promise<void>;
}
