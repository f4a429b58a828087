import type { Access } from "../access/acl.ts";
import type { VisibilityFilter } from "../access/visible.ts";
import type { DocumentKey, SourceKey } from "../document.ts";
import type { TokenMatches } from "../retrieval/late-interaction.ts";
import type { Quality } from "../trust/quality.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";

/**
 * What an encoder gave for each token of a text, for late interaction: one row per token, in the order of the tokens, each a
 * unit vector times 127, rounded.
 */
export interface TokenOutputs {
  /** Numbers per token, ≥ 1. */
  readonly dimensions: number;
  /** tokens × dimensions, row by row. */
  readonly vectors: Int8Array;
}

/** One chunk as the index stores it. */
export interface IndexedChunk {
  /** UUIDv5 over tenant, source, document, generation and chunk number. */
  readonly chunkId: string;
  /** 0-based position in the document. */
  readonly chunk: number;
  readonly text: string;
  readonly headingPath: readonly string[];
  /** UTF-16 offsets into the accepted body; end is exclusive. */
  readonly startChar: number;
  readonly endChar: number;
  /** Tokens of `text` as the embedder counts them: what a `max_tokens` budget is made of. */
  readonly tokens: number;
  /** Unit length, the model's dimension, finite. */
  readonly vector: Float32Array;
  /** Analysed terms with their counts, title and headings included. */
  readonly terms: ReadonlyMap<string, number>;
  /** Number of analysed terms: the length in BM25. */
  readonly termCount: number;
  /** Absent for an encoder that gives none. */
  readonly tokenOutputs?: TokenOutputs;
  /** Names what was embedded, within source and fingerprint: from `embeddingKey`. Absent = never to be reused. */
  readonly embeddingKey?: string;
}

/** What an encoder gave for a chunk. */
export type StoredEmbedding = Pick<IndexedChunk, "vector" | "tokenOutputs">;

/** The chunks of one generation; immutable once written. */
export interface IndexedGeneration {
  readonly key: DocumentKey;
  readonly generation: number;
  readonly fingerprint: string;
  readonly chunks: readonly IndexedChunk[];
  /** What the quality gates look at, for an index that keeps a copy of it. Absent = as of a document that says nothing of its quality. */
  readonly quality?: Quality;
}

/** A written generation whose copy of the access list is to be placed. */
export interface PlacedGeneration {
  readonly key: DocumentKey;
  readonly generation: number;
  readonly fingerprint: string;
  /** Chunks of the generation, which are numbered from 0. */
  readonly chunkCount: number;
}

/** A live generation, and the access revision that the index's copy of it is noted to carry. */
export interface NotedGeneration extends PlacedGeneration {
  readonly accessRevision: number;
}

/** How an index stands that can be lost apart from the ledger. */
export interface IndexStand {
  /** Drawn when the index of a fingerprint was made; another one says that what was written before is gone. */
  readonly instance: string;
  /** Whether all that was live was seen to be in it, once, since it was made. Until then it is not searched. */
  readonly isFilled: boolean;
  /** Documents are being brought back into the ledger; it is not searched, and nothing makes it whole before that is over. */
  readonly isHeld: boolean;
}

/** Conditions that a request may add. Absent = no condition; an empty list is the same as absent. */
export interface SearchConditions {
  readonly sources?: readonly string[];
  /** Documents that carry at least one of these labels. */
  readonly labels?: readonly string[];
  /** ISO 8601, inclusive; a document without a date does not match. */
  readonly updatedAfter?: string;
  readonly updatedBefore?: string;
}

/** What a search runs inside. Visibility is not optional. */
export interface SearchFilter {
  readonly visibility: VisibilityFilter;
  /** The quality gates, or `null` for the second search that finds the reason. */
  readonly eligible: { readonly trust: TrustPolicy /** ms since epoch */; readonly now: number } | null;
  readonly conditions: SearchConditions;
}

export interface IndexQuery {
  readonly fingerprint: string;
  /** Unit length. */
  readonly vector: Float32Array;
  /** Distinct analysed terms of the query, in their order. */
  readonly terms: readonly string[];
  readonly filter: SearchFilter;
  /** Chunks per half (dense, lexical). */
  readonly limit: number;
  /** Asks for `statistics.neighbours`, which costs a second pass over the selection. Absent = no. */
  readonly density?: boolean;
}

/** How many neighbours {@link IndexAnswer.statistics} looks at. */
export const neighbourCount = 10;

/** A chunk found by either half; both scores are always given. */
export interface IndexHit {
  readonly key: DocumentKey;
  readonly generation: number;
  readonly chunkId: string;
  readonly chunk: number;
  /** Raw cosine, −1 … 1. */
  readonly similarity: number;
  /** BM25 over the filter's statistics, ≥ 0. */
  readonly bm25: number;
  /** How often each query term occurs in the chunk, in the order of the query's terms. */
  readonly frequencies: readonly number[];
}

export interface IndexAnswer {
  /** The union of the best `limit` of both halves, in no particular order. */
  readonly hits: readonly IndexHit[];
  /** True when a higher limit would give no further hit. */
  readonly exhausted: boolean;
  /** Statistics over the filter: nothing in them depends on a document outside it. */
  readonly statistics: {
    readonly chunks: number;
    /** Chunks that contain each query term, in the order of the terms. */
    readonly documentFrequency: readonly number[];
    /**
     * Cosine of the query with the chunks of the filter: mean and standard deviation over all of them, to six decimals. It may be taken
     * from a coarser copy of the vectors than a hit's similarity. 0 and 0 without chunks.
     */
    readonly similarity: { readonly mean: number; readonly deviation: number };
    /**
     * How dense the filter's chunks lie around the most similar one: its mean cosine with its {@link neighbourCount} nearest chunks of other
     * documents, to six decimals. `null` when it was not asked for, when no chunk has a positive similarity, or when all are of
     * one document.
     */
    readonly neighbours: number | null;
  };
  /** Set when the search was approximate: hits may be missing, and which ones may depend on documents outside the filter. */
  readonly approximate?: true;
}

/** What is returned to a caller of a chunk, fetched only for survivors of the re-check. */
export interface ChunkText {
  readonly chunkId: string;
  readonly text: string;
  readonly headingPath: readonly string[];
  readonly startChar: number;
  readonly endChar: number;
  readonly tokens: number;
}

/**
 * Chunks and vectors: derived, disposable, and not the security boundary (every hit is re-checked against the ledger).
 * Any failure is an AppError `index-unavailable`. What a request asks carries the request's signal: once it is aborted nothing further is asked of a
 * server and what is under way ends, with `deadline-exceeded`, which is no failure of the index.
 */
export interface VectorIndex {
  /** Writes a whole generation; writing the same one again changes nothing. Searchable once the ledger has published it. */
  write(generation: IndexedGeneration): Promise<void>;
  /** Erases a generation; one that is not there is no error. */
  remove(key: DocumentKey, generation: number, fingerprint: string): Promise<void>;
  search(query: IndexQuery, signal?: AbortSignal): Promise<IndexAnswer>;
  /** Documents that a filter selects, in the order of `compareKeys`, after a key (exclusive): for checking the filter itself. */
  documents(
    fingerprint: string,
    filter: SearchFilter,
    page: { readonly after?: { readonly source: string; readonly id: string }; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<readonly DocumentKey[]>;
  /**
   * Whether the quality gates of a filter hold back anything that the rest of it selects; without gates nothing is. A look at what is there, not a
   * search.
   * @param chunks `statistics.chunks` of a search inside the filter. When documents changed since, the answer may be of either moment.
   */
  holdsBack(fingerprint: string, filter: SearchFilter, chunks: number, signal?: AbortSignal): Promise<boolean>;
  /**
   * Texts by chunk id, of this fingerprint alone: another one may have cut the same generation otherwise, under the same ids. An id that
   * is gone is absent from the map.
   */
  texts(
    chunkIds: readonly string[],
    fingerprint: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, ChunkText>>;
  /** Token outputs by chunk id, of this fingerprint; a chunk that is gone, or was written without, is absent from the map. */
  tokenOutputs(
    chunkIds: readonly string[],
    fingerprint: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, TokenOutputs>>;
  /**
   * Late interaction where the token outputs lie: what `tokenMatches` of {@link tokenOutputs} gives, by chunk id, to the last bit. Absent in an
   * index that leaves the work to its caller. Any failure, other dimensions among them, is an AppError `index-unavailable`.
   */
  matchTokens?(
    query: TokenOutputs,
    chunkIds: readonly string[],
    fingerprint: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, TokenMatches>>;
  /**
   * What the generations of one source that still lie here hold under a fingerprint, by {@link IndexedChunk.embeddingKey}; what no
   * generation holds any more is absent. Absent in an index that gives no vectors back: its chunks are embedded anew.
   */
  embeddings?(
    of: SourceKey,
    fingerprint: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredEmbedding>>;
  /**
   * Only in an index that keeps a copy of access and quality for its filter, beside the ledger and behind it: what is written there is in no search
   * before this was called for it. Makes the copy say who may read: whoever every one of the accesses lets in. A copy of the same
   * or a higher revision stays as it is, so that a worker that stalls between reading and placing undoes nothing. Nobody's access at
   * `limits.version` is for good.
   * @returns false when the index does not hold all chunks of the generation: it is to be written again
   */
  placeAccess?(ref: PlacedGeneration, access: readonly [Access, ...Access[]], accessRevision: number): Promise<boolean>;
  /**
   * Goes with {@link placeAccess}: takes all generations of a document below one out of searches for good. They stay readable by id until
   * they are removed, for requests that are under way.
   */
  withdraw?(key: DocumentKey, below: number, fingerprint: string): Promise<void>;
  /**
   * Goes with {@link placeAccess}, like the two below: those of the generations of a fingerprint that the index does not hold whole, texts
   * included, or with an older copy of the access than noted.
   */
  lacking?(fingerprint: string, generations: readonly NotedGeneration[]): Promise<readonly NotedGeneration[]>;
  /** `undefined` while nothing was ever made for the fingerprint. */
  stand?(fingerprint: string): Promise<IndexStand | undefined>;
  /** Says that {@link lacking} found nothing missing of all that is live; searches are answered from now on. No news of another instance. */
  filled?(fingerprint: string, instance: string): Promise<void>;
  /**
   * Asks the server behind the index whether what is under a fingerprint can be searched. Absent = there is none, and the index can be searched as long as it is open.
   * @throws AppError `index-unavailable`, `reindexing`
   */
  check?(fingerprint: string): Promise<void>;
  /** True when the deployment chose approximate search, for large selections: non-interference is then statistical. Absent = false. */
  readonly isApproximate?: boolean;
  close(): Promise<void>;
}
