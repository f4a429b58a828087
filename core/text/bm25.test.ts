import * as fc from "fast-check";
import { expect, test } from "vitest";
import { averageTermCount, highestPossible, inverseDocumentFrequency, k1, saturation } from "./bm25.ts";

test("a rarer term weighs more, and even a term in every chunk weighs something", () => {
  expect(inverseDocumentFrequency(100, 1)).toBeGreaterThan(inverseDocumentFrequency(100, 50));
  expect(inverseDocumentFrequency(100, 100)).toBeGreaterThan(0);
  expect(inverseDocumentFrequency(10, 3)).toBeCloseTo(Math.log(1 + 7.5 / 3.5), 12);
});

test("repeats saturate, long chunks are held back, and an average chunk with one occurrence weighs exactly 1", () => {
  expect(saturation(1, averageTermCount)).toBeCloseTo(1, 12);
  expect(saturation(2, 100)).toBeGreaterThan(saturation(1, 100));
  expect(saturation(1, 400)).toBeLessThan(saturation(1, 100));
  expect(saturation(0, 100)).toBe(0);
});

test("no chunk reaches the highest possible score", () => {
  const term = fc.record({ containing: fc.nat(1_000), frequency: fc.integer({ min: 0, max: 10_000 }) });
  fc.assert(
    fc.property(
      fc.array(term, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 5_000 }),
      (terms, length) => {
        const idfs = terms.map(({ containing }) => inverseDocumentFrequency(1_000, containing));
        const score = terms
          .map(({ frequency }, i) => (idfs[i] ?? 0) * saturation(frequency, length))
          .reduce((sum, value) => sum + value, 0);
        expect(score).toBeLessThan(highestPossible(idfs));
      },
    ),
  );
  expect(highestPossible([])).toBe(0);
  expect(highestPossible([2])).toBe(2 * (k1 + 1));
});
