import { expect, test } from "vitest";
import { estimate, resamples, seededRandom } from "./bootstrap.ts";
import {
  answeredAtFalseAnswerRate,
  auroc,
  falseAbstentionRate,
  falseAnswerRate,
  type Judged,
  meanOf,
  ndcgAt,
  ones,
  quantile,
  recallAt,
  reciprocalRankAt,
  successAt1,
  yieldAtRisk,
} from "./metrics.ts";

const judged = (score: number, answerable: boolean, extra: Partial<Judged> = {}): Judged => ({
  score,
  answerable,
  answered: score >= 0.5,
  hits: answerable ? ["right"] : ["wrong"],
  relevant: answerable ? ["right"] : [],
  cluster: `${score}`,
  ...extra,
});

test("recall counts the relevant documents among the first k, of all relevant ones", () => {
  expect(recallAt(5, ["a", "x", "b", "y", "z", "c"], ["a", "b", "c", "d"])).toBe(0.5);
  expect(recallAt(1, ["x", "a"], ["a"])).toBe(0);
  expect(recallAt(5, ["a"], [])).toBeNaN();
});

test("nDCG@10 with binary gain: hand-computed for relevant documents on ranks 1 and 3 of three", () => {
  const found = 1 / Math.log2(2) + 1 / Math.log2(4);
  const best = 1 / Math.log2(2) + 1 / Math.log2(3) + 1 / Math.log2(4);
  expect(ndcgAt(10, ["a", "x", "b"], ["a", "b", "c"])).toBeCloseTo(found / best, 12);
  expect(ndcgAt(10, ["a", "b"], ["b", "a"])).toBe(1);
  // More relevant documents than places: the ideal is a full first page.
  expect(ndcgAt(2, ["a", "b"], ["a", "b", "c"])).toBe(1);
});

test("the reciprocal rank is of the first relevant document among the first k, success@1 of the very first", () => {
  expect(reciprocalRankAt(10, ["x", "a"], ["a"])).toBe(0.5);
  expect(reciprocalRankAt(1, ["x", "a"], ["a"])).toBe(0);
  expect(successAt1(["a"], ["a"])).toBe(1);
  expect(successAt1([], ["a"])).toBe(0);
});

test("AUROC counts a tie as half a win: 0.9 and 0.5 against 0.5 and 0.1", () => {
  const items = [judged(0.9, true), judged(0.5, true), judged(0.5, false), judged(0.1, false)];
  expect(auroc(items)(ones(items))).toBe((1 + 1 + 0.5 + 1) / 4);
});

test("AUROC is 1 for a perfect order, 0 for the reverse, a half when all are equal, and undefined for one class", () => {
  const of = (items: Judged[]) => auroc(items)(ones(items));
  expect(of([judged(0.9, true), judged(0.1, false)])).toBe(1);
  expect(of([judged(0.1, true), judged(0.9, false)])).toBe(0);
  expect(of([judged(0.4, true), judged(0.4, false), judged(0.4, false)])).toBe(0.5);
  expect(of([judged(0.4, true)])).toBeNaN();
});

test("AUROC equals the share of won comparisons on random scores with ties", () => {
  const random = seededRandom(7);
  const items = Array.from({ length: 200 }, () => judged(Math.floor(random() * 20) / 20, random() < 0.4));
  let won = 0;
  let compared = 0;
  for (const a of items.filter((item) => item.answerable)) {
    for (const b of items.filter((item) => !item.answerable)) {
      won += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
      compared++;
    }
  }
  expect(auroc(items)(ones(items))).toBeCloseTo(won / compared, 12);
});

test("answered@far5 answers at most one of twenty unanswerable queries, and nobody at the score of the second", () => {
  const unanswerable = Array.from({ length: 20 }, (_, at) => judged(at === 0 ? 0.9 : at === 1 ? 0.6 : 0.1, false));
  const answerable = [judged(0.95, true), judged(0.7, true), judged(0.6, true), judged(0.2, true)];
  const items = [...unanswerable, ...answerable];
  expect(answeredAtFalseAnswerRate(items, 0.05)(ones(items))).toBe(0.5);
  // With nineteen unanswerable ones a single false answer is already more than 5 %.
  const fewer = items.slice(1);
  expect(answeredAtFalseAnswerRate([...fewer], 0.05)(ones(fewer))).toBe(0.5);
  const strict = [...unanswerable.slice(0, 19), ...answerable];
  expect(answeredAtFalseAnswerRate(strict, 0.05)(ones(strict))).toBe(0.25);
});

test("yield counts only answers with a relevant document among five, at the best threshold within the risk", () => {
  const wrongPassage = { hits: ["wrong"] };
  const items = [judged(0.9, true), judged(0.8, true), judged(0.7, true, wrongPassage), judged(0.1, false)];
  // Above 0.7: two right of three answerable, no risk. With 0.7: risk 1/3.
  expect(yieldAtRisk(items, 0.05)(ones(items))).toBeCloseTo(2 / 3, 12);
  const perfect = [judged(0.9, true), judged(0.1, false)];
  expect(yieldAtRisk(perfect, 0.05)(ones(perfect))).toBe(1);
});

test("false answers are counted among the unanswerable, false abstentions among the answerable", () => {
  const items = [judged(0.9, true), judged(0.1, true), judged(0.9, false), judged(0.1, false), judged(0.2, false)];
  expect(falseAnswerRate(items)(ones(items))).toBeCloseTo(1 / 3, 12);
  expect(falseAbstentionRate(items)(ones(items))).toBe(0.5);
});

test("a quantile interpolates between order statistics", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([1, 2, 3, 4, 5], 0.95)).toBeCloseTo(4.8, 12);
  expect(quantile([], 0.5)).toBeNaN();
});

test("a weight counts like so many copies of the item", () => {
  const items = [judged(0.9, true), judged(0.5, false), judged(0.3, true)];
  const doubled = [...items, judged(0.3, true)];
  for (const statistic of [auroc, falseAbstentionRate, (all: Judged[]) => yieldAtRisk(all, 0.05)]) {
    expect(statistic(items)([1, 1, 2])).toBeCloseTo(statistic(doubled)(ones(doubled)), 12);
  }
});

test("an interval is the same in every run, holds the figure, and resamples clusters as a whole", () => {
  const values = Array.from({ length: 100 }, (_, at) => at / 99);
  const mean = meanOf(values, (value) => value);
  const draws = resamples(values.map(String), 500, 1);
  const first = estimate(mean, values, draws);
  expect(estimate(mean, values, resamples(values.map(String), 500, 1))).toEqual(first);
  expect(first.value).toBeCloseTo(0.5, 12);
  expect(first.low).toBeLessThan(0.5);
  expect(first.high).toBeGreaterThan(0.5);
  // The standard error of the mean of a uniform sample is 0.029: the interval is about ± 2 of it.
  expect((first.high ?? 0) - (first.low ?? 0)).toBeGreaterThan(0.09);
  expect((first.high ?? 0) - (first.low ?? 0)).toBeLessThan(0.14);
  for (const weights of resamples(["a", "a", "b"], 50, 3)) expect(weights[0]).toBe(weights[1]);
});

test("a figure without items has neither a value nor an interval", () => {
  expect(estimate(auroc([]), [], resamples([], 10, 1))).toEqual({ value: null, low: null, high: null });
});
