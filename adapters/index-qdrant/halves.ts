import { compareKeys } from "#core/document.ts";
import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import type { Found } from "./points.ts";

/** How far two single-precision sums of the same products may lie apart. */
const rounding = 1e-5;

/** Best first, in a fixed order: equal ones by document and chunk, never by where they lie. */
function inOrder(points: readonly Found[], score: (found: Found) => number): Found[] {
  // Once for each, not for each comparison.
  const scored = points.map((found) => ({ found, value: score(found) }));
  scored.sort((a, b) => b.value - a.value || compareKeys(a.found.key, b.found.key) || a.found.chunk - b.found.chunk);
  return scored.map(({ found }) => found);
}

/** One half of a search. */
export interface Half {
  /** The best, at most the limit. */
  readonly found: readonly Found[];
  /** Found beyond the limit. */
  readonly beyond: readonly Found[];
  /** Whether the server has nothing further that scores above 0. */
  readonly isComplete: boolean;
}

/**
 * Cuts what the server gave, which cuts equal scores anywhere.
 * @param asked how many the server was asked for
 * @param score the exact score; the server's own is single precision
 * @returns `undefined` when the cut runs through scores that further points may have as well: to be asked again for more
 */
export function cut(
  points: readonly Found[],
  asked: number,
  limit: number,
  score: (found: Found) => number,
): Half | undefined {
  const positive = points.filter((point) => point.score > 0);
  const isComplete = points.length < asked || positive.length < points.length;
  const edge = positive[limit - 1]?.score;
  const last = positive.at(-1)?.score ?? 0;
  if (!isComplete && edge !== undefined && last >= edge * (1 - rounding)) return undefined;
  const sorted = inOrder(positive, score);
  return { found: sorted.slice(0, limit), beyond: sorted.slice(limit), isComplete };
}

/** BM25 in double precision, summed in the order of the query's terms: the number that the embedded index gives. @param idf by place of the term */
export function bm25Of({ frequencies, termCount }: Found, idf: readonly number[]): number {
  let sum = 0;
  for (const [place, frequency] of frequencies.entries()) {
    if (frequency > 0) sum += (idf[place] ?? 0) * saturation(frequency, termCount);
  }
  return sum;
}

/** The idf of each term over the filter; 0 for one that no chunk has. */
export const idfOf = (containing: readonly number[], chunks: number): number[] =>
  containing.map((count) => (count === 0 ? 0 : inverseDocumentFrequency(chunks, count)));
