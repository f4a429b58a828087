import { hash } from "node:crypto";
import type { Schemas } from "./server.ts";

/** Format of the points; part of the collections' names. */
export const pointFormat = "2";

/** Names of the dense and of the sparse vector of a point. */
export const dense = "dense";
export const lexical = "terms";

/** The two collections of one fingerprint, by the alias that everything but their making goes through. */
export interface CollectionNames {
  /** Vectors, and what filters look at. */
  readonly search: string;
  /** What is read by id of a few chunks: text and token outputs. Apart, so that neither a search nor a change of access has to move it. */
  readonly texts: string;
}

/** Aliases of a fingerprint's collections. A fingerprint may hold characters that a name must not. */
export function aliasesOf(prefix: string, fingerprint: string): CollectionNames {
  const name = `${prefix}-${hash("sha256", fingerprint, "hex").slice(0, 16)}`;
  return { search: name, texts: `${name}-texts` };
}

/** The collection that an alias is made for; the alias can later be turned to another one. */
export const collectionOf = (alias: string): string => `${alias}-${pointFormat}`;

const keyword = { type: "keyword" } as const;
/** For ranges alone. */
const number = { type: "integer", lookup: false, range: true } as const;

/** Fields that filters may look at: all are indexed before the first point comes, and the server refuses filters over any other. */
export const searchIndexes = {
  tenant: { type: "keyword", is_tenant: true },
  source: keyword,
  /** `keyString` of the document. */
  document: keyword,
  /** Access tokens and labels, as copied from the ledger. */
  grants: keyword,
  other_grants: keyword,
  denies: keyword,
  labels: keyword,
  /** What the quality gates look at. */
  authority: keyword,
  review_state: keyword,
  owned: { type: "bool" },
  expires_at: number,
  updated_at: number,
  generation: { type: "integer", lookup: true, range: true },
  access_revision: number,
  /** Number of documents that this one says it replaces; on the first chunk of a document alone. */
  replaces: number,
  /** A number drawn from the chunk's id, 0 … 2^31 − 1. */
  sample: number,
} as const satisfies Record<string, Schemas["PayloadFieldSchema"]>;

/** Fields of the texts that are looked up: what was embedded, by half of its key. */
export const textIndexes = { embedding: { type: "uuid" } } as const satisfies Record<
  string,
  Schemas["PayloadFieldSchema"]
>;

/** Filters over a field without an index are refused: such a search would be slow, and such a write could touch anything. */
const strict = { enabled: true, unindexed_filtering_retrieve: false, unindexed_filtering_update: false } as const;

/**
 * How the searched collection is made. One shard: each shard would take an idf of its own. Without approximate search no graph is ever built.
 * @param made what is noted of its making
 */
export function searchCollection(dimensions: number, approximate: boolean, made: Readonly<Record<string, string>>) {
  return {
    vectors: { [dense]: { size: dimensions, distance: "Cosine" } },
    sparse_vectors: { [lexical]: { modifier: "idf", index: { datatype: "float32" } } },
    shard_number: 1,
    strict_mode_config: strict,
    metadata: { ...made, format: pointFormat },
    ...(approximate ? {} : { hnsw_config: { m: 0 } }),
  } satisfies Schemas["CreateCollection"];
}

/** How the collection of texts is made: points without a vector. @param made what is noted of its making */
export function textCollection(made: Readonly<Record<string, string>>) {
  return {
    vectors: {},
    shard_number: 1,
    strict_mode_config: strict,
    metadata: { ...made, format: pointFormat },
  } satisfies Schemas["CreateCollection"];
}
