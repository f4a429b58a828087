import type { IndexAnswer, IndexQuery, TokenOutputs } from "#core/ports/index.ts";
import type { TokenMatches } from "#core/retrieval/late-interaction.ts";

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

/** Late interaction with stored chunks. */
export interface MatchRequest {
  readonly fingerprint: string;
  readonly query: TokenOutputs;
  readonly chunkIds: readonly string[];
}

/** By chunk id; a chunk that is gone, or has no token outputs, is absent. */
export type MatchAnswer = ReadonlyMap<string, TokenMatches>;

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
  | ({ readonly kind: "search"; readonly id: number } & SearchRequest)
  /** Reads the token outputs from the file of the last `load`. */
  | ({ readonly kind: "match"; readonly id: number } & MatchRequest);

/** A question, whose failure is an answer; after that of any other message the engine is of no use any more. */
export const isQuestion = (message: ToEngine): message is Extract<ToEngine, { kind: "search" | "match" }> =>
  message.kind === "search" || message.kind === "match";

/** What an engine gives back for a message; `null` when there is nothing to say. */
export type Answer = EngineAnswer | MatchAnswer | null;

/** What the engine answers. */
export type FromEngine =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: string };
