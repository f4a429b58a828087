import { expect, test } from "vitest";
import { seededRandom } from "#core/calibration/bootstrap.ts";
import { calibratedFeatures } from "#core/retrieval/confidence.ts";
import type { CandidateRow } from "#services/cli/eval/asking.ts";
import { type Answer, agreement, answerOf } from "../../bench/ablation/answers.ts";
import { confidenceTable, togetherWith } from "../../bench/ablation/confidence.ts";
import { featuresOf, type GroupName, groupNames, groupOf } from "../../bench/ablation/groups.ts";
import { tablesOf, withTables } from "../../bench/ablation/markdown.ts";
import { documentsBy } from "../../bench/ablation/orders.ts";
import { rankingTable, sameQuestions } from "../../bench/ablation/ranking.ts";
import { overSets } from "../../bench/ablation/statistics.ts";

// Document, similarity, BM25, fused, late interaction.
const rows: readonly CandidateRow[] = [
  ["a", 0.9, 0, 0.67, 0.2],
  ["b", 0.5, 8, 0.62, 0.9],
  ["c", 0.8, 2, 0.66, 0.3],
  ["b", 0.4, 4, 0.42, null],
  ["d", 0.85, 0, 0.64, null],
];

test("each order ranks the same candidates by its own value, a document once at its best chunk", () => {
  const of = (order: Parameters<typeof documentsBy>[0]) => documentsBy(order, [rows]).join("");
  expect(of("dense")).toBe("adcb");
  // What shares no term with the question was not found by BM25.
  expect(of("bm25")).toBe("bc");
  expect(of("fused")).toBe("acdb");
  // b leads by .62 + .8 · .9; d, which late interaction did not look at, stays behind those that it did.
  expect(of("late")).toBe("bcad");
  // 1/61 + 1/64 for b, 1/62 + 1/63 for c (both halves), 1/61 for a alone.
  expect(of("reciprocal")).toBe("bcad");
});

test("tenants are not mixed: what the leading one found comes first", () => {
  const other: readonly CandidateRow[] = [["z", 1, 20, 1, 1]];
  expect(documentsBy("dense", [rows, other])).toEqual(["a", "d", "c", "b", "z"]);
});

test("every feature that a calibration may name is in one group, no group is empty, and a feature of an unknown kind is refused", () => {
  expect(featuresOf(...groupNames).toSorted()).toEqual(calibratedFeatures.toSorted());
  expect(groupNames.reduce((sum, name) => sum + featuresOf(name).length, 0)).toBe(calibratedFeatures.length);
  for (const name of groupNames) expect(featuresOf(name)).not.toEqual([]);
  expect(groupOf("similarity_above_mean")).toBe("density");
  expect(groupOf("top_similarity")).toBe("similarity");
  expect(() => groupOf("moon_phase")).toThrow("moon_phase");
});

/** Answers whose features tell with a strength of their own by group, over documents of `set`. */
function answersOf(set: string, count: number, documents = set): readonly Answer[] {
  const random = seededRandom(set.length * 7 + count);
  return Array.from({ length: count }, (_, at) => {
    const answerable = at % 3 > 0;
    const strengths: Partial<Record<GroupName, number>> = { similarity: 0.5, late: 0.2 };
    const strength = (feature: string) => strengths[groupOf(feature)] ?? 0;
    return answerOf({
      id: `${set}-${at}`,
      set,
      split: at % 2 === 0 ? "calib" : "test",
      fold: null,
      group: `${set}-${at % 10}`,
      answerable,
      confidence: 0.5,
      features: Object.fromEntries([
        ["visible_chunks", 100],
        ...calibratedFeatures.map((name) => [name, random() + (answerable ? strength(name) : 0)] as const),
      ]),
      kind: "any",
      relevant: answerable ? [`${documents}-c`] : [],
      hits: ["b", "c", "a", "d"].map((name) => `${documents}-${name}`),
      candidates: [rows.map(([name, ...rest]) => [`${documents}-${name}`, ...rest])],
    });
  });
}

test("an answer keeps the features of a calibration alone, and whether its order is the one that the service gave is told", () => {
  const answers = answersOf("red", 4);
  expect(Object.keys(answers[0]?.sample.features ?? {}).toSorted()).toEqual(calibratedFeatures.toSorted());
  expect(agreement(answers)).toBe(1);
  expect(agreement([...answers, ...answers.map((one) => ({ ...one, served: [...one.ranked.dense] }))])).toBe(0.5);
});

test("orders are judged on test questions with an answer, each set with the same weight", () => {
  const minilm = [answersOf("red", 60), answersOf("blue", 20)];
  const table = rankingTable({ minilm, hashed: minilm });
  const row = (name: string) => table.find((one) => one.name === name);
  // The relevant document is second by late interaction and by fused value, third by similarity.
  expect(row("late")?.ndcg_at_10.mean.value).toBeCloseTo(1 / Math.log2(3), 4);
  expect(row("late")?.ndcg_at_10.difference).toBeNull();
  expect(row("dense")?.ndcg_at_10.mean.value).toBe(0.5);
  expect(row("dense")?.ndcg_at_10.difference?.high).toBeLessThan(0);
  expect(row("bm25")?.recall_at_5.sets.map(({ value }) => value)).toEqual([1, 1]);
});

test("where the hashed encoder was not asked its cells are empty, and it is no row where it was asked nowhere", () => {
  const minilm = [answersOf("red", 60), answersOf("blue", 20)];
  const of = (hashed: readonly (readonly Answer[])[]) =>
    rankingTable({ minilm, hashed }).find(({ name }) => name === "hashed")?.ndcg_at_10;
  expect(of([minilm[0] ?? [], []])?.sets.map(({ value }) => value === null)).toEqual([false, true]);
  expect(of([minilm[0] ?? [], []])?.mean.value).toBeNull();
  expect(of([[], []])).toBeUndefined();
});

test("encoders are compared only where they were asked the same test questions", () => {
  const both = answersOf("red", 12);
  const testOnly = both.filter(({ split }) => split === "test");
  expect(sameQuestions(both, testOnly)).toBe(true);
  expect(sameQuestions(both, testOnly.slice(1))).toBe(false);
});

test("what tells is worth something alone and missed when it is gone; what does not is neither", () => {
  const sets = [answersOf("red", 300), answersOf("blue", 240)];
  const { fits, without, alone } = confidenceTable({ sets, together: togetherWith(sets) });
  const value = (list: typeof fits, name: string) =>
    list.find((row) => row.name === name)?.auroc.mean.value ?? Number.NaN;
  expect(value(fits, "all")).toBeGreaterThan(0.95);
  expect(value(fits, "others")).toBeGreaterThan(0.9);
  expect(value(fits, "uncalibrated")).toBeLessThan(0.7);
  expect(value(alone, "only-similarity")).toBeGreaterThan(value(alone, "only-titles"));
  expect(value(alone, "only-late")).toBeGreaterThan(value(alone, "only-titles"));
  expect(value(without, "without-similarity")).toBeLessThan(value(without, "without-titles"));
  expect(without[0]?.auroc.difference).toBeNull();
});

test("a set is left out together with the sets over its own documents", () => {
  const sets = [answersOf("red", 12), answersOf("blue", 12), answersOf("reddish", 12, "red")];
  expect(togetherWith(sets)).toEqual([[0, 2], [1], [0, 2]]);
  expect(confidenceTable({ sets, together: togetherWith(sets) }).fits.map(({ name }) => name)).toContain("others");
  // With one set there is no other to be fitted on.
  const one = [answersOf("red", 60)];
  expect(confidenceTable({ sets: one, together: [[0]] }).fits.map(({ name }) => name)).not.toContain("others");
});

test("means weigh each set the same, and a difference is taken resample by resample", () => {
  const own = {
    values: [0.8, 0.6],
    drawn: [
      [0.9, 0.7],
      [0.7, 0.5],
    ],
  };
  const other = {
    values: [0.7, 0.5],
    drawn: [
      [0.8, 0.6],
      [0.6, 0.4],
    ],
  };
  const { sets, mean, difference } = overSets(own, other);
  expect(sets.map(({ value }) => value)).toEqual([0.8, 0.6]);
  expect(mean.value).toBe(0.7);
  // However far the figures move, their difference does not.
  expect(difference).toEqual({ value: 0.1, low: 0.1, high: 0.1 });
});

test("the tables take the place of those that the page has, and its words stay", () => {
  const sets = [answersOf("red", 60), answersOf("blue", 60)];
  const report = {
    made: "2026-11-21",
    model: "a model",
    sets: ["red", "blue"].map((set) => ({ set, calib: 30, test: 30, answerable: 20, as_served: 1, left_out_with: [] })),
    ranking: rankingTable({ minilm: sets, hashed: sets }),
    confidence: confidenceTable({ sets, together: togetherWith(sets) }),
  };
  const first = withTables("# What it is worth\n\nWords.\n", tablesOf(report));
  expect(first).toContain("| dense alone | .500 / 1.000 | .500 / 1.000 | .500 / 1.000 | -.131 [-.131, -.131] |");
  const again = withTables(`${first}More words.\n`, "none");
  expect(again).toMatch(/^# What it is worth\n\nWords\.\n<!--.*-->\n\nnone\n\n<!--.*-->\nMore words\.\n$/);
  expect(() => withTables("<!-- end of tables -->", "none")).toThrow("both marks");
});
