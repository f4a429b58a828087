import { hash } from "node:crypto";
import type { IndexedChunk } from "#core/ports/index.ts";
import { saturation } from "#core/text/bm25.ts";
import { lexical } from "./schema.ts";

/** A sparse vector as the server takes it. */
export interface SparseVector {
  readonly indices: number[];
  readonly values: number[];
}

/**
 * The dimension of a term: the first 31 bits of its SHA-1. No vocabulary has to be shared that way. Two terms may meet in one dimension and then count
 * as one term; among 100,000 terms, two or three pairs do.
 */
export function dimensionOf(term: string): number {
  return Number.parseInt(hash("sha1", term, "hex").slice(0, 8), 16) >>> 1;
}

/** The dimension that every chunk has, so that it counts as one in every statistic whatever its terms; no term has it. */
export const everyChunk = 0x80000000;
/** The dimension that no chunk has. Only {@link sizeProbe} has it, which is in nobody's filter. */
const noChunk = 0x80000001;

/** How often a chunk holds what each dimension stands for. */
export function frequenciesOf({ terms }: Pick<IndexedChunk, "terms">): Map<number, number> {
  const frequencies = new Map<number, number>();
  for (const [term, count] of terms) {
    const dimension = dimensionOf(term);
    frequencies.set(dimension, (frequencies.get(dimension) ?? 0) + count);
  }
  return frequencies;
}

/**
 * What a chunk brings to a sparse dot product: the part of each term's BM25 weight that depends on the chunk. The server multiplies the query's side
 * with the idf, whose formula is the one of core/text/bm25.ts.
 */
export function sparseOf(frequencies: ReadonlyMap<number, number>, termCount: number): SparseVector {
  return {
    indices: [...frequencies.keys(), everyChunk],
    values: [...[...frequencies.values()].map((frequency) => saturation(frequency, termCount)), 1],
  };
}

/** The query's side: every dimension once. */
export function sparseQuery(dimensions: readonly number[]): SparseVector {
  const indices = [...new Set(dimensions)];
  return { indices, values: indices.map(() => 1) };
}

/**
 * The number of chunks that contain a term, read back from one chunk's weight for it: the server counts it for its idf and does not tell. Exact
 * up to about a million chunks; beyond, off by few.
 * @param weight the server's single-precision product of idf and saturation
 * @param chunks chunks in the filter
 */
export function containingOf(weight: number, frequency: number, termCount: number, chunks: number): number {
  const idf = Math.fround(weight) / Math.fround(saturation(frequency, termCount));
  // The inverse of `inverseDocumentFrequency`, whose quotient plus one is (N + 1) / (n + 0.5).
  const containing = Math.round((chunks + 1) / Math.exp(idf) - 0.5);
  return Math.min(Math.max(containing, 1), Math.max(chunks, 1));
}

/**
 * The query of one term. Its second dimension counts nothing; it is there because the server looks at a filter for each chunk of the last list of chunks that is
 * left, however low it scores, and with two lists only for those that could be the best.
 */
export const termQuery = (dimension: number): SparseVector => ({ indices: [dimension, everyChunk], values: [1, 0] });

/** The point that {@link sizeQuery} is asked of: without a tenant, a document or a vector that is compared. */
export const sizeProbe = {
  id: "5a7c2f0e-0d51-5c1b-9e5e-000000000001",
  vector: { [lexical]: { indices: [noChunk], values: [1] } },
  payload: {},
};

/** Asks what the idf of a term would be that no chunk has: it says how many chunks there are. To be asked of {@link sizeProbe}. */
export const sizeQuery: SparseVector = { indices: [noChunk], values: [1] };

/** Up to this many chunks {@link chunksOf} is exact, whatever the last bit of the server's single-precision logarithm. */
export const surelySized = 250_000;

/** The number of chunks in a filter, from the idf of a term that none of them has, which is ln(2N + 2). */
export const chunksOf = (idf: number): number => Math.max(0, Math.round(Math.exp(idf) / 2 - 1));
