import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "#core/calibration/bootstrap.ts";
import { checkComparable, compare, comparisonLines, readBaseline, type ThisRun } from "./baseline.ts";
import { figuresOf } from "./figures.ts";
import { itemOfStored, type StoredItem } from "./stored-items.ts";
import { temporaryFolder } from "./testing/tiny-set.ts";

/** Sixty queries, two thirds answerable; the noise moves confidence and rank of each. */
function answers(random: () => number, shift = 0): StoredItem[] {
  return Array.from({ length: 60 }, (_, at): StoredItem => {
    const answerable = at % 3 !== 0;
    const score = Math.min(1, Math.max(0, (answerable ? 0.62 - shift : 0.38) + 0.5 * (random() - 0.5)));
    const rank = 1 + Math.floor((1 + 6 * shift) * 3 * random());
    const result = score >= 0.5 ? "answered" : "low_confidence";
    return [
      `q${at}`,
      null,
      `g${at % 12}`,
      "kind",
      answerable,
      score,
      result,
      answerable ? 1 : 0,
      answerable ? [rank] : [],
    ];
  });
}

const runOf = (queries: readonly StoredItem[], over: Partial<ThisRun> = {}): ThisRun => ({
  set: "tiny",
  split: "test",
  superseded: null,
  queries: { test: figuresOf(queries.map(itemOfStored)) },
  pairs: null,
  values: { queries, pairs: null },
  ...over,
});
const baselineOf = (report: object) => {
  const file = join(temporaryFolder(), "baseline.json");
  writeFileSync(file, JSON.stringify({ service: { model: "m" }, ...report }));
  return { file, baseline: readBaseline(file) };
};

test("the same answers are the same figures, and nothing drops", () => {
  const run = runOf(answers(seededRandom(1)));
  const { baseline } = baselineOf(run);
  const found = compare(baseline, run);
  expect(found.method).toBe("paired");
  expect(found.metrics).toHaveLength(14);
  expect(found.metrics.every(({ verdict, before, after }) => verdict === "same" && before === after)).toBe(true);
});

test("runs that differ by chance alone fail in at most one of twenty, over all figures together", () => {
  let failed = 0;
  // The figures themselves are not looked at, only the values: they need not be computed again for each run.
  const figures = runOf(answers(seededRandom(0))).queries;
  const ofSeed = (seed: number) => ({
    ...runOf([]),
    queries: figures,
    values: { queries: answers(seededRandom(seed)), pairs: null },
  });
  for (let seed = 0; seed < 20; seed++) {
    const { baseline } = baselineOf(ofSeed(1_000 + seed));
    const found = compare(baseline, ofSeed(2_000 + seed));
    if (found.metrics.some(({ verdict }) => verdict === "dropped")) failed++;
  }
  expect(failed).toBeLessThanOrEqual(1);
});

test("a real loss is told with its figures, and the way back as an improvement", () => {
  const [good, bad] = [runOf(answers(seededRandom(1))), runOf(answers(seededRandom(2), 0.3))];
  const lost = compare(baselineOf(good).baseline, bad);
  const dropped = lost.metrics.filter(({ verdict }) => verdict === "dropped").map(({ metric }) => metric);
  expect(dropped).toEqual(expect.arrayContaining(["auroc", "ndcg_at_10", "false_abstention_rate"]));
  expect(comparisonLines(lost)[0]).toMatch(/^dropped: .+ \d\.\d{4} -> \d\.\d{4} \(p 0\.00/);
  const won = compare(baselineOf(bad).baseline, good);
  expect(won.metrics.some(({ verdict }) => verdict === "dropped")).toBe(false);
  expect(won.metrics.find(({ metric }) => metric === "auroc")?.verdict).toBe("improved");
});

test("an earlier report without values is compared by its intervals", () => {
  const [good, bad] = [runOf(answers(seededRandom(1))), runOf(answers(seededRandom(2), 0.5))];
  const { values: _none, ...old } = good;
  const same = compare(baselineOf(old).baseline, good);
  expect(same.method).toBe("unpaired");
  expect(same.metrics.every(({ verdict }) => verdict === "same")).toBe(true);
  const lost = compare(baselineOf(old).baseline, bad);
  expect(lost.metrics.find(({ metric }) => metric === "auroc")?.verdict).toBe("dropped");
});

test("a baseline of another set, split, corpus or list of queries is refused, and so is what is no report", () => {
  const run = runOf(answers(seededRandom(1)));
  const { baseline, file } = baselineOf(run);
  const refused = (over: Partial<ThisRun>) => () => checkComparable(baseline, { ...run, ...over }, file);
  expect(refused({})).not.toThrow();
  expect(refused({ set: "other" })).toThrow(/of another set: tiny, not other/);
  expect(refused({ split: "calib" })).toThrow(/another split/);
  const [first, ...rest] = run.values.queries;
  if (first === undefined) throw new Error("a query");
  const [, ...others] = first;
  const renamed: StoredItem = ["q60", ...others];
  expect(refused({ values: { queries: [renamed, ...rest], pairs: null } })).toThrow(/another list of queries/);
  expect(refused({ queries: { test: figuresOf(rest.map(itemOfStored)) } })).toThrow(/another list of queries/);
  const nothing = { asked: 0, concerned: 0, superseded_above_current: 0, share: null, share_of_concerned: null };
  expect(refused({ superseded: { queries: nothing, users_and_queries: nothing } })).toThrow(/another corpus/);
  expect(() => readBaseline(import.meta.filename)).toThrow(/not a report/);
});
