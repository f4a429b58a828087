import type { IndexAnswer, IndexQuery } from "#core/ports/index.ts";

/** What a generation is stored as and handed over as. */
export interface StoredGeneration {
  /** Its row in SQLite, never used twice: the name of the generation in the engine. */
  readonly handle: number;
  readonly fingerprint: string;
  readonly dimensions: number;
  /** f32, little-endian, one vector after the other. */
  readonly vectors: Uint8Array;
  /** From `pack`. */
  readonly packed: Uint8Array;
}

/** A search inside a selection that was told before. */
export interface SearchRequest extends Pick<IndexQuery, "fingerprint" | "vector" | "terms" | "limit"> {
  readonly density: boolean;
  readonly selection: number;
}

/** A hit, with the document as its place among the selected ones. */
export interface EngineHit {
  readonly owner: number;
  readonly chunkId: string;
  readonly chunk: number;
  readonly similarity: number;
  readonly bm25: number;
  readonly frequencies: readonly number[];
}

/** {@link IndexAnswer} before keys are put to the hits. */
export type EngineAnswer = Omit<IndexAnswer, "hits"> & { readonly hits: readonly EngineHit[] };

/** What is said to the engine. Everything is done in the order of its arrival. */
export type ToEngine =
  /** Reads all that a database file holds; answered. */
  | { readonly kind: "load"; readonly id: number; readonly file: string }
  /** Nothing to do but to answer, once everything before is done. */
  | { readonly kind: "ready"; readonly id: number }
  | ({ readonly kind: "add" } & StoredGeneration)
  | { readonly kind: "remove"; readonly handle: number; readonly fingerprint: string }
  /** Names a selection: generations in the order of `compareKeys`, −1 for one that is not in the index. */
  | {
      readonly kind: "select";
      readonly selection: number;
      readonly fingerprint: string;
      readonly handles: Int32Array;
    }
  | { readonly kind: "forget"; readonly selection: number }
  | ({ readonly kind: "search"; readonly id: number } & SearchRequest);

/** What the engine answers. */
export type FromEngine =
  | { readonly id: number; readonly answer: EngineAnswer | null }
  | { readonly id: number; readonly error: string };
