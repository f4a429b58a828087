import * as fc from "fast-check";
import { expect, test } from "vitest";
import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import { searchDense } from "./dense.ts";
import { pack } from "./packed.ts";
import { search } from "./search.ts";
import { selectionOf } from "./selection.ts";
import { Space } from "./space.ts";
import { cosine } from "./vectors.ts";

const dimensions = 24;

function unit(numbers: readonly number[]): Float32Array {
  const length = Math.hypot(...numbers);
  return Float32Array.from(numbers, (value) => value / length);
}

const vector = fc
  .array(fc.integer({ min: -20, max: 20 }), { minLength: dimensions, maxLength: dimensions })
  .filter((numbers) => numbers.some((value) => value !== 0))
  .map(unit);
const words = fc.array(fc.constantFrom("sensor", "battery", "holiday", "water"), { minLength: 1, maxLength: 9 });

test("a search gives what the plain formulas give, over every selected chunk", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ vector, words, isSelected: fc.boolean() }), { minLength: 1, maxLength: 40 }),
      vector,
      fc.uniqueArray(fc.constantFrom("water", "sensor", "absent", "battery")),
      fc.integer({ min: 1, max: 8 }),
      (chunks, query, terms, limit) => {
        const space = new Space(dimensions);
        for (const [handle, chunk] of chunks.entries()) {
          const counts = new Map<string, number>();
          for (const word of chunk.words) counts.set(word, (counts.get(word) ?? 0) + 1);
          const lexical = { chunk: 0, chunkId: `${handle}`, terms: counts, termCount: chunk.words.length };
          space.add(handle, chunk.vector, pack([lexical]));
        }
        const handles = Int32Array.from(chunks, ({ isSelected }, handle) => (isSelected ? handle : -1));
        const answer = search(space, selectionOf(space, handles), {
          fingerprint: "f",
          vector: query,
          terms,
          limit,
          density: false,
          selection: 1,
        });

        const selected = [...chunks.entries()].filter(([, { isSelected }]) => isSelected);
        const frequency = (of: readonly string[], term: string) => of.filter((word) => word === term).length;
        const containing = terms.map((term) => selected.filter(([, chunk]) => frequency(chunk.words, term) > 0).length);
        const scored = selected.map(([owner, chunk]) => ({
          owner,
          chunkId: `${owner}`,
          chunk: 0,
          similarity: cosine(chunk.vector, query),
          bm25: terms.reduce((sum, term, i) => {
            const times = frequency(chunk.words, term);
            const idf = inverseDocumentFrequency(selected.length, containing[i] ?? 0);
            return times === 0 ? sum : sum + idf * saturation(times, chunk.words.length);
          }, 0),
          frequencies: terms.map((term) => frequency(chunk.words, term)),
        }));
        const bestBy = (half: "similarity" | "bm25") =>
          scored
            .filter((hit) => hit[half] > 0)
            .toSorted((a, b) => b[half] - a[half] || a.owner - b.owner)
            .slice(0, limit);
        const chosen = new Set([...bestBy("similarity"), ...bestBy("bm25")]);
        expect(answer.hits).toEqual([...chosen].toSorted((a, b) => a.owner - b.owner));
        expect(answer.exhausted).toBe(
          scored.every((hit) => chosen.has(hit) || (hit.similarity <= 0 && hit.bm25 === 0)),
        );
        expect(answer.statistics).toMatchObject({ chunks: selected.length, documentFrequency: containing });
      },
    ),
    { numRuns: 150 },
  );
});

test("a space that was searched gives the next search nothing of the last one, with and without neighbours", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ vector, words }), { minLength: 2, maxLength: 20 }),
      fc.array(vector, { minLength: 2, maxLength: 4 }),
      (chunks, queries) => {
        const filled = (): Space => {
          const space = new Space(dimensions);
          for (const [handle, chunk] of chunks.entries()) {
            const terms = new Map(chunk.words.map((word) => [word, 1]));
            const lexical = { chunk: 0, chunkId: `${handle}`, terms, termCount: terms.size };
            space.add(handle, chunk.vector, pack([lexical]));
          }
          return space;
        };
        const ask = (space: Space, vectorAsked: Float32Array, limit: number) =>
          search(space, selectionOf(space, Int32Array.from(chunks.keys())), {
            fingerprint: "f",
            vector: vectorAsked,
            terms: ["water", "sensor", "holiday"],
            limit,
            density: limit > 1,
            selection: 1,
          });
        const used = filled();
        for (const [i, query] of queries.entries())
          expect(ask(used, query, i + 1)).toEqual(ask(filled(), query, i + 1));
      },
    ),
    { numRuns: 60 },
  );
});

test("the dense half finds at least 999 of 1,000 of the exact best, also among many that are nearly the same", () => {
  const size = 6_000;
  const limit = 100;
  const wave = (step: number): Float32Array =>
    unit(Array.from({ length: 96 }, (_, i) => Math.sin(step * (i + 1) ** 1.3) + 0.4 * Math.cos(step * step * i)));
  const mixed = (a: Float32Array, b: Float32Array, weight: number): Float32Array =>
    unit([...a].map((value, i) => value + weight * (b[i] ?? 0)));
  for (const weight of [0.3, 1, 5]) {
    const space = new Space(96);
    for (let i = 0; i < size; i++) {
      const chunk = { chunk: 0, chunkId: `${i}`, terms: new Map<string, number>(), termCount: 0 };
      space.add(i, mixed(wave(1 + (i % 20)), wave(100 + i * 0.37), weight), pack([chunk]));
    }
    const selection = selectionOf(
      space,
      Int32Array.from({ length: size }, (_, i) => i),
    );
    let found = 0;
    for (let query = 0; query < 20; query++) {
      const asked = mixed(wave(1 + query), wave(9_000 + query), 0.5);
      const truth = Array.from({ length: size }, (_, i): [number, number] => [i, cosine(space.exact.of(i), asked)])
        .toSorted(([i, a], [j, b]) => b - a || i - j)
        .slice(0, limit);
      const dense = new Set(searchDense(space, selection, asked, limit).found);
      found += truth.filter(([position]) => dense.has(position)).length;
    }
    expect(found / (20 * limit)).toBeGreaterThanOrEqual(0.999);
  }
});
