import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import { type FeatureInput, featureNames, featuresOf } from "./features.ts";
import { hitTextOf } from "./hit-text.ts";
import { wordingOf } from "./wording.ts";

const hit = (title: string, text: string) => hitTextOf(title, { headingPath: [], text });

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
  wording: wordingOf("rare common"),
  hits: [hit("", "rare bird common"), hit("", "rare common"), hit("", "-")],
};

test("the set of features depends on the encoder alone, never on what was found", () => {
  const nothing = featuresOf({
    ...base,
    ranked: [],
    statistics: { ...statistics, chunks: 0, documentFrequency: [0, 0], neighbours: null },
    hits: [],
  });
  expect(Object.keys(nothing)).toEqual(featureNames(false));
  expect(Object.keys(featuresOf(base))).toEqual(featureNames(false));
  const tokens = { words: ["rare", "common"], weights: [1, 0.5], matches: [Float64Array.of(0.9, 0.2)] };
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
  const tokens = {
    words: ["rare", "common"],
    weights: [1, 0.5],
    matches: [Float64Array.of(0.9, 0.2), Float64Array.of(0.4, 0.4)],
  };
  const features = featuresOf({ ...base, tokens });
  expect(features.maxsim_lowest).toBe(0.2);
  expect(features.maxsim_uncovered_5).toBeCloseTo(1 / 3, 6);
  expect(features.maxsim_top).toBeCloseTo(2 / 3, 6);
});

test("one sentence that holds the whole question tells more than a passage that holds it in pieces", () => {
  const scattered = featuresOf({ ...base, hits: [hit("", "It is rare here. And there it is common.")] });
  const together = featuresOf({ ...base, hits: [hit("", "Nothing first. It is rare here and common there.")] });
  const titled = featuresOf({ ...base, hits: [hit("common", "Nothing first. It is rare here.")] });
  expect(scattered.coverage_sentence).toBeLessThan(1);
  expect([together.coverage_sentence, titled.coverage_sentence]).toEqual([1, 1]);
  const second = featuresOf({ ...base, hits: [hit("", "nothing"), hit("", "rare and common")] });
  expect([second.coverage_sentence, second.coverage_sentence_any]).toEqual([0, 1]);
});

test("what the question names, counts, denies or wants counted counts as missing until the best hit has it", () => {
  const asking = (text: string, terms: readonly string[], frequencies: readonly number[], said: string) => {
    const ranked = [candidate("a", 0, { frequencies })];
    const features = featuresOf({ ...base, ranked, terms, wording: wordingOf(text), hits: [hit("", said)] });
    const { missing_names, missing_numbers, missing_negation, missing_quantity } = features;
    return [missing_names, missing_numbers, missing_negation, missing_quantity].map((value) => (value ?? 0) > 0);
  };
  const about = "When was the tower of 1973 not painted by Brook?";
  const terms = ["brook", "1973"];
  expect(asking(about, terms, [0, 0], "The tower is red.")).toEqual([true, true, true, true]);
  expect(asking(about, terms, [1, 1], "Brook has not painted it in 1973.")).toEqual([false, false, false, false]);
  expect(asking("why is the tower red", terms, [0, 0], "The tower is red.")).toEqual([false, false, false, false]);
});

test("a title tells what it covers of the question, and how much of it the question asked for", () => {
  const titled = featuresOf({ ...base, hits: [hit("rare bird", "-"), hit("common", "-")] });
  expect(titled.title_coverage).toBeGreaterThan(0.8);
  expect(titled.title_coverage).toBeLessThan(1);
  expect([titled.title_asked, titled.title_asked_any]).toEqual([0.5, 1]);
});

test("one title over all first candidates holds all weight, and candidates as near as the first are its rivals", () => {
  const live = (title: string) => ({ ...candidate("a", 0).live, title });
  const first = candidate("a", 0, { similarity: 0.8, live: live("one") });
  const like = candidate("b", 0, { similarity: 0.79, live: live("one") });
  const other = candidate("c", 0, { similarity: 0.7, live: live("two") });
  const alone = featuresOf({ ...base, ranked: [first, like] });
  expect([alone.title_heaviest, alone.title_variety, alone.similarity_rivals]).toEqual([1, 0.5, 1]);
  const split = featuresOf({ ...base, ranked: [first, other] });
  expect([split.title_heaviest, split.title_variety, split.similarity_rivals]).toEqual([0.5, 1, 0]);
});

test("a word is met by the best sentence as its pieces are on average, and words that tell nothing do not count", () => {
  const tokens = {
    words: ["the", "towering", "towering", "sensor"],
    weights: [0.1, 1, 1, 0.5],
    matches: [],
    sentence: { matches: Float64Array.of(0, 0.9, 0.5, 0.8), beyond: 0.25 },
  };
  const features = featuresOf({ ...base, tokens });
  expect(features.maxsim_sentence).toBeCloseTo((0.9 + 0.5 + 0.5 * 0.8) / 2.5, 6);
  expect(features.maxsim_sentence_lowest).toBeCloseTo(0.7, 6);
  expect(features.maxsim_sentence_missing).toBeCloseTo(0.3, 6);
  expect(features.maxsim_sentence_beyond).toBe(0.25);
});

test("agreement of both similarities is their correlation over the candidates that late interaction saw", () => {
  const seen = [0.9, 0.6, 0.3].map((similarity, at) =>
    candidate(`d${at}`, 0, { similarity, fused: 0, late: similarity / 2 }),
  );
  const unseen = candidate("e", 0, { similarity: 1, late: null });
  const tokens = { words: [], weights: [], matches: [] };
  expect(featuresOf({ ...base, ranked: [...seen, unseen], tokens })).toMatchObject({ maxsim_agreement: 1 });
  expect(featuresOf({ ...base, ranked: seen.slice(1), tokens })).toMatchObject({ maxsim_agreement: 0 });
});
