import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import type { Selection } from "./selection.ts";
import type { Space } from "./space.ts";

/** What the lexical half found; to be used before the next search in the same space. */
export interface LexicalResult {
  /** BM25 by position; 0 without any of the terms. */
  readonly scores: Float64Array;
  /** Selected chunks that contain each term. */
  readonly documentFrequency: readonly number[];
  /** How often each term occurs in the chunks at the given positions, row by row. */
  frequenciesOf(positions: readonly number[]): number[][];
}

/** BM25 with statistics over the selection alone. Terms come in the query's order, so each chunk's sum does too. */
export function searchLexical(space: Space, selection: Selection, terms: readonly string[]): LexicalResult {
  const { slots, positions } = selection;
  const { termCounts, postings } = space;
  const scores = space.scratch.scores.take(slots.length).fill(0);
  const lists = terms.map((term) => postings.of(term));
  const documentFrequency = lists.map((pairs) => {
    let containing = 0;
    for (let i = 0; i < pairs.length; i += 2) if ((positions[pairs[i] ?? 0] ?? -1) >= 0) containing++;
    if (containing === 0) return 0;
    const idf = inverseDocumentFrequency(slots.length, containing);
    for (let i = 0; i < pairs.length; i += 2) {
      const slot = pairs[i] ?? 0;
      const position = positions[slot] ?? -1;
      if (position >= 0) {
        scores[position] = (scores[position] ?? 0) + idf * saturation(pairs[i + 1] ?? 0, termCounts[slot] ?? 0);
      }
    }
    return containing;
  });
  const frequenciesOf = (wanted: readonly number[]): number[][] => {
    const rowOf = new Int32Array(slots.length).fill(-1);
    wanted.forEach((position, row) => {
      rowOf[position] = row;
    });
    const rows = wanted.map(() => terms.map(() => 0));
    lists.forEach((pairs, term) => {
      for (let i = 0; i < pairs.length; i += 2) {
        const position = positions[pairs[i] ?? 0] ?? -1;
        const row = position < 0 ? undefined : rows[rowOf[position] ?? -1];
        if (row !== undefined) row[term] = pairs[i + 1] ?? 0;
      }
    });
    return rows;
  };
  return { scores, documentFrequency, frequenciesOf };
}
