/**
 * BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.2) with the
 * never-negative idf of Lucene. Its one deviation: the average length is a constant, because one taken over all documents would
 * tell of hidden ones.
 */

/** How fast repeats of a term saturate. */
export const k1 = 1.2;
/** How much long chunks are held back, 0 … 1. */
export const b = 0.75;
/** The length, in analysed terms, that counts as average; chosen on calibration splits (docs/decisions/0010). */
export const averageTermCount = 100;
/** How often each term of a document's title counts in each of its chunks, beyond its own occurrences: a title says what all of it is about. */
export const titleBoost = 2;

/**
 * Inverse document frequency, > 0.
 * @param chunks N: chunks in the filter, ≥ `containing`
 * @param containing chunks in the filter that contain the term, ≥ 0
 */
export function inverseDocumentFrequency(chunks: number, containing: number): number {
  return Math.log(1 + (chunks - containing + 0.5) / (containing + 0.5));
}

/**
 * The part of a term's weight that depends on the chunk; below `k1 + 1`.
 * @param frequency times that the term occurs in the chunk, ≥ 0
 * @param termCount the chunk's length in analysed terms, ≥ 0
 */
export function saturation(frequency: number, termCount: number): number {
  return (frequency * (k1 + 1)) / (frequency + k1 * (1 - b + (b * termCount) / averageTermCount));
}

/** The BM25 that no chunk can reach: every term of the query, repeated without end. 0 for no terms. */
export function highestPossible(idfs: readonly number[]): number {
  let sum = 0;
  for (const value of idfs) sum += value * (k1 + 1);
  return sum;
}
