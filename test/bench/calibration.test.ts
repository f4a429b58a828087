import { expect, test } from "vitest";
import { conformalRow, selfRows, tablesOf } from "../../bench/calibration/figures.ts";
import { samplesOf } from "../kit/samples.ts";

const model = { bias: 0, features: [{ name: "best_similarity", mean: 0.5, scale: 0.1, weight: 2 }] };
const known = (set: string, seed: number) =>
  samplesOf(400, { set, seed }).map((sample) => {
    const { cosine = 0, bm25 = 0 } = sample.features;
    return { ...sample, features: { best_similarity: cosine, agreement: bm25, visible_chunks: seed } };
  });
const sets = ["one", "two"].map((set, at) => {
  const samples = known(set, at + 1);
  return { set, model, calib: samples.slice(0, 250), test: samples.slice(250) };
});

test("the last row pools the sets, each question once, at the default threshold", () => {
  const rows = selfRows(sets, "test");
  expect(rows.map(({ set, questions }) => [set, questions])).toEqual([
    ["one", 150],
    ["two", 150],
    ["pooled", 300],
  ]);
  const passed = sets.map(
    ({ test: samples }) =>
      samples.filter(
        ({ answerable, features: { best_similarity: value = 0 } }) =>
          answerable && 1 / (1 + Math.exp(-20 * (value - 0.5))) >= 0.55,
      ).length,
  );
  const all = sets.map(({ test: samples }) => samples.filter(({ answerable }) => answerable).length);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  expect(rows[2]?.at?.answered_answerable.value).toBeCloseTo(sum(passed) / sum(all), 4);
});

test("the conformal row has the rate on random folds with its band, and what other groups and a later split exceed it by", () => {
  const [first] = sets;
  if (first === undefined) throw new Error("no set");
  const row = conformalRow(first, 0.1);
  const { random_folds: random, group_folds: grouped, calib_to_test: later } = row;
  if (random === null || grouped === null || later === null) throw new Error("too few questions");
  expect(random.band.low).toBeLessThan(0.1);
  expect(random.band.high).toBeGreaterThan(0.1);
  for (const { excess, answered_unanswerable } of [grouped, later]) {
    expect(excess).toBeCloseTo(Math.max(0, answered_unanswerable - 0.1), 10);
  }
  expect(later.unanswerable).toBe(first.test.filter(({ answerable }) => !answerable).length);
  const table = tablesOf(selfRows(sets, "test"), [row]).split("\n");
  expect(new Set(table.filter((line) => line !== "").map((line) => line.split("|").length))).toEqual(new Set([8, 12]));
});
