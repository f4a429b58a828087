import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import { type FeatureInput, featureNames, featuresOf } from "./features.ts";

const statistics = {
  chunks: 100,
  documentFrequency: [2, 50],
  similarity: { mean: 0.1, deviation: 0.1 },
  neighbours: 0.5,
};
const base: FeatureInput = {
  ranked: [
    candidate("a", 0, { similarity: 0.8, bm25: 5, frequencies: [1, 0] }),
    candidate("a", 1, { similarity: 0.7, bm25: 1, frequencies: [0, 2] }),
    candidate("b", 0, { similarity: 0.3, bm25: 0, frequencies: [0, 0] }),
  ],
  statistics,
  terms: ["rare", "common"],
  pairs: [["rare", "common"]],
  hitTerms: [["rare", "other", "common"], ["rare", "common"], []],
};

test("the set of features depends on the encoder alone, never on what was found", () => {
  const nothing = featuresOf({
    ...base,
    ranked: [],
    statistics: { ...statistics, chunks: 0, documentFrequency: [0, 0], neighbours: null },
    hitTerms: [],
  });
  expect(Object.keys(nothing)).toEqual(featureNames(false));
  expect(Object.keys(featuresOf(base))).toEqual(featureNames(false));
  const tokens = { weights: [1, 0.5], matches: [Float64Array.of(0.9, 0.2)] };
  expect(Object.keys(featuresOf({ ...base, tokens }))).toEqual(featureNames(true));
  expect(Object.values(nothing).every(Number.isFinite)).toBe(true);
});

test("coverage weighs terms by their idf: of one hit, of a document, and of all hits together", () => {
  const features = featuresOf(base);
  expect(features.coverage_best).toBeGreaterThan(0.8);
  expect(features.coverage_best).toBeLessThan(1);
  expect(features.coverage_document).toBe(1);
  expect(features.coverage_all).toBe(1);
  expect(features.rarest_missing_all).toBe(0);
  expect(features.rarest_missing_best).toBeLessThan(0.2);
  expect(features.missing_terms).toBe(0);
});

test("neighbouring words of the query count where they are neighbours", () => {
  const features = featuresOf(base);
  expect([features.pairs_best, features.pairs_any]).toEqual([0, 1]);
});

test("a best hit stands out from the others, from all visible chunks, and from its own neighbourhood", () => {
  const features = featuresOf(base);
  expect(features.similarity_gap_2).toBeCloseTo(0.1, 6);
  expect(features.similarity_gap_10).toBeCloseTo(0.7, 6);
  expect(features.similarity_deviations).toBeCloseTo(7, 6);
  expect(features.similarity_above_neighbours).toBeCloseTo(0.3, 6);
});

test("a token that the best hit does not meet shows as uncovered weight and as the lowest match", () => {
  const tokens = { weights: [1, 0.5], matches: [Float64Array.of(0.9, 0.2), Float64Array.of(0.4, 0.4)] };
  const features = featuresOf({ ...base, tokens });
  expect(features.maxsim_lowest).toBe(0.2);
  expect(features.maxsim_uncovered_5).toBeCloseTo(1 / 3, 6);
  expect(features.maxsim_top).toBeCloseTo(2 / 3, 6);
});
