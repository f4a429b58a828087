import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import { inBlocks } from "./blocks.ts";
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
    inBlocks(pairs.length, (from, to) => {
      containing += count(pairs, from, to, positions);
    });
    if (containing === 0) return 0;
    const idf = inverseDocumentFrequency(slots.length, containing);
    inBlocks(pairs.length, (from, to) => add(pairs, from, to, positions, termCounts, idf, scores));
    return containing;
  });
  const frequenciesOf = (wanted: readonly number[]): number[][] => {
    const rowOf = space.scratch.rows.take(space.slots);
    const rows = wanted.map(() => terms.map(() => 0));
    try {
      wanted.forEach((position, row) => {
        rowOf[slots[position] ?? 0] = row + 1;
      });
      lists.forEach((pairs, term) => {
        if (documentFrequency[term] === 0) return;
        inBlocks(pairs.length, (from, to) => collect(pairs, from, to, rowOf, rows, term));
      });
    } finally {
      // The next search finds zeros again, without a look at all of them.
      for (const position of wanted) rowOf[slots[position] ?? 0] = 0;
    }
    return rows;
  };
  return { scores, documentFrequency, frequenciesOf };
}

/** Frequencies and lengths below which a weight is looked up: a division for each of a few hundred thousand pairs would show. */
const [knownFrequencies, knownLengths] = [16, 512];
const saturations = Float64Array.from({ length: knownFrequencies * knownLengths }, (_, i) =>
  saturation(Math.floor(i / knownLengths), i % knownLengths),
);

/** How many pairs are of selected slots. */
function count(pairs: Int32Array, from: number, to: number, positions: Int32Array): number {
  let containing = 0;
  for (let i = from; i < to; i += 2) if ((positions[pairs[i] ?? 0] ?? -1) >= 0) containing++;
  return containing;
}

/** Adds a term's weights to the scores. */
function add(
  pairs: Int32Array,
  from: number,
  to: number,
  positions: Int32Array,
  termCounts: Int32Array,
  idf: number,
  scores: Float64Array,
): void {
  for (let i = from; i < to; i += 2) {
    const slot = pairs[i] ?? 0;
    const position = positions[slot] ?? -1;
    if (position < 0) continue;
    const frequency = pairs[i + 1] ?? 0;
    const length = termCounts[slot] ?? 0;
    const weight =
      frequency < knownFrequencies && length < knownLengths
        ? (saturations[frequency * knownLengths + length] ?? 0)
        : saturation(frequency, length);
    scores[position] = (scores[position] ?? 0) + idf * weight;
  }
}

/** Puts down how often a term occurs in the slots that have a row, which are few: `rowOf` is their row + 1, else 0. */
function collect(
  pairs: Int32Array,
  from: number,
  to: number,
  rowOf: Int32Array,
  rows: readonly number[][],
  term: number,
): void {
  for (let i = from; i < to; i += 2) {
    const row = rowOf[pairs[i] ?? 0] ?? 0;
    if (row === 0) continue;
    const frequencies = rows[row - 1];
    if (frequencies !== undefined) frequencies[term] = pairs[i + 1] ?? 0;
  }
}
