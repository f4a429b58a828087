import { hash } from "node:crypto";
import type { IndexedChunk } from "#core/ports/index.ts";
import { saturation } from "#core/text/bm25.ts";

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

/** The dimension that a chunk without a term has, so that it counts as a chunk in every statistic; no term has it. */
const withoutTerms = 0x80000000;

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
  if (frequencies.size === 0) return { indices: [withoutTerms], values: [1] };
  return {
    indices: [...frequencies.keys()],
    values: [...frequencies.values()].map((frequency) => saturation(frequency, termCount)),
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
