import { type IndexAnswer, type IndexHit, type IndexQuery, neighbourCount } from "#core/ports/index.ts";
import type { LiveRef } from "#core/ports/live-documents.ts";
import { round6 } from "#core/retrieval/round.ts";
import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import { best } from "./best.ts";
import type { Space } from "./space.ts";

/**
 * Searches exactly the chunks of the selected generations. Positions follow `compareKeys` and the chunk number, and every sum
 * runs in an order of its own operands, so the answer is the same to the last bit whatever else the space holds and wherever.
 * @param refs in the order of `compareKeys`; a generation that the space does not hold is left out
 */
export function searchSpace(space: Space, refs: readonly LiveRef[], query: IndexQuery): IndexAnswer {
  const selection = select(space, refs);
  const { slots } = selection;
  const similarities = dotProducts(space, slots, query.vector);
  const lexical = bm25(space, slots, query.terms);
  const chosen = new Set<number>([...best(similarities, query.limit), ...best(lexical.scores, query.limit)]);
  let candidates = 0;
  for (let position = 0; position < slots.length; position++) {
    if ((similarities[position] ?? 0) > 0 || (lexical.scores[position] ?? 0) > 0) candidates++;
  }
  const hits: IndexHit[] = [];
  for (const position of [...chosen].toSorted((a, c) => a - c)) {
    const ref = refs[selection.owners[position] ?? -1];
    if (ref === undefined) continue;
    hits.push({
      key: ref.key,
      generation: ref.generation,
      chunkId: space.chunkIds[slots[position] ?? -1] ?? "",
      chunk: selection.numbers[position] ?? 0,
      similarity: similarities[position] ?? 0,
      bm25: lexical.scores[position] ?? 0,
      frequencies: lexical.frequencies(position),
    });
  }
  return {
    hits,
    exhausted: candidates === chosen.size,
    statistics: {
      chunks: slots.length,
      documentFrequency: lexical.documentFrequency,
      similarity: spread(similarities),
      neighbours: query.density === true ? neighbours(space, selection, similarities) : null,
    },
  };
}

/** Mean and standard deviation, summed in the order of the positions. */
function spread(similarities: Float64Array): { readonly mean: number; readonly deviation: number } {
  if (similarities.length === 0) return { mean: 0, deviation: 0 };
  let sum = 0;
  let squares = 0;
  for (const value of similarities) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / similarities.length;
  const deviation = Math.sqrt(Math.max(0, squares / similarities.length - mean * mean));
  return { mean: round6(mean), deviation: round6(deviation) };
}

function neighbours(space: Space, { slots, owners }: Selection, similarities: Float64Array): number | null {
  const [nearest] = best(similarities, 1);
  if (nearest === undefined) return null;
  const start = (slots[nearest] ?? 0) * space.dimensions;
  const cosines = dotProducts(space, slots, space.vectors.subarray(start, start + space.dimensions));
  const others = cosines.filter((_, position) => owners[position] !== owners[nearest]);
  const counted = others.toSorted((a, c) => c - a).slice(0, neighbourCount);
  return counted.length === 0 ? null : round6(counted.reduce((sum, value) => sum + value, 0) / counted.length);
}

interface Selection {
  readonly slots: Int32Array;
  readonly numbers: Int32Array;
  /** Index into the refs, by position. */
  readonly owners: Int32Array;
}

function select(space: Space, refs: readonly LiveRef[]): Selection {
  const generations = refs.map((ref) => space.generation(ref.ref));
  const count = generations.reduce((sum, generation) => sum + (generation?.slots.length ?? 0), 0);
  const slots = new Int32Array(count);
  const numbers = new Int32Array(count);
  const owners = new Int32Array(count);
  let at = 0;
  generations.forEach((generation, owner) => {
    if (generation === undefined) return;
    slots.set(generation.slots, at);
    numbers.set(generation.numbers, at);
    owners.fill(owner, at, at + generation.slots.length);
    at += generation.slots.length;
  });
  return { slots, numbers, owners };
}

/** Exact dot products of unit vectors: the raw cosine. */
function dotProducts(space: Space, slots: Int32Array, query: Float32Array): Float64Array {
  const { vectors, dimensions } = space;
  const similarities = new Float64Array(slots.length);
  const unrolled = dimensions - (dimensions % 4);
  for (let position = 0; position < slots.length; position++) {
    const start = (slots[position] ?? 0) * dimensions;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = 0; i < unrolled; i += 4) {
      a += (vectors[start + i] ?? 0) * (query[i] ?? 0);
      b += (vectors[start + i + 1] ?? 0) * (query[i + 1] ?? 0);
      c += (vectors[start + i + 2] ?? 0) * (query[i + 2] ?? 0);
      d += (vectors[start + i + 3] ?? 0) * (query[i + 3] ?? 0);
    }
    for (let i = unrolled; i < dimensions; i++) a += (vectors[start + i] ?? 0) * (query[i] ?? 0);
    similarities[position] = a + b + (c + d);
  }
  return similarities;
}

/** BM25 with statistics over the selection alone. */
function bm25(
  space: Space,
  slots: Int32Array,
  terms: readonly string[],
): {
  readonly scores: Float64Array;
  readonly documentFrequency: readonly number[];
  readonly frequencies: (position: number) => number[];
} {
  const positions = new Int32Array(space.slots).fill(-1);
  for (let position = 0; position < slots.length; position++) positions[slots[position] ?? 0] = position;
  const scores = new Float64Array(slots.length);
  const documentFrequency = terms.map((term) => {
    const pairs = space.postings.of(term);
    let containing = 0;
    for (let i = 0; i < pairs.length; i += 2) if ((positions[pairs[i] ?? 0] ?? -1) >= 0) containing++;
    if (containing === 0) return 0;
    const idf = inverseDocumentFrequency(slots.length, containing);
    for (let i = 0; i < pairs.length; i += 2) {
      const slot = pairs[i] ?? 0;
      const position = positions[slot] ?? -1;
      // Terms come in the query's order, so each chunk's sum does too.
      if (position >= 0)
        scores[position] = (scores[position] ?? 0) + idf * saturation(pairs[i + 1] ?? 0, space.termCounts[slot] ?? 0);
    }
    return containing;
  });
  const frequencies = (position: number): number[] =>
    terms.map((term) => {
      const pairs = space.postings.of(term);
      for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === slots[position]) return pairs[i + 1] ?? 0;
      return 0;
    });
  return { scores, documentFrequency, frequencies };
}
