import { expect, test } from "vitest";
import { falseAnswersAtAnsweredRate, type Judged, ones } from "#core/calibration/metrics.ts";
import { aurc, expectedCalibrationError, reliability, riskCoverage } from "./curves.ts";
import { itemOfStored, type StoredItem, storedItem } from "./stored-items.ts";

const judged = (score: number, answerable: boolean, found = true): Judged => ({
  score,
  answerable,
  answered: score >= 0.5,
  hits: found ? ["right"] : ["wrong"],
  relevant: answerable ? ["right"] : [],
  cluster: `${score}`,
});

test("the risk-coverage curve weighs both classes 1:1, and a wrong document is as wrong as an answer where there is none", () => {
  const items = [judged(0.9, true), judged(0.8, true, false), judged(0.3, false)];
  const points = riskCoverage(items)(ones(items));
  expect(points).toEqual([
    { coverage: 0.25, risk: 0 },
    { coverage: 0.5, risk: 0.5 },
    { coverage: 1, risk: 0.75 },
  ]);
  expect(aurc(items)(ones(items))).toBeCloseTo(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.75, 12);
  expect(riskCoverage([judged(1, true)])([1])).toEqual([]);
  expect(aurc([judged(1, true)])([1])).toBeNaN();
});

test("equal scores are one point of the curve, in whatever order they come", () => {
  const items = [judged(0.5, false), judged(0.5, true)];
  expect(riskCoverage(items)(ones(items))).toEqual([{ coverage: 1, risk: 0.5 }]);
});

test("a perfect service has the least area there is, about 0.153", () => {
  const items = Array.from({ length: 2_000 }, (_, at) => judged(1 - at / 2_000, at < 1_000));
  expect(aurc(items)(ones(items))).toBeCloseTo(0.5 - 0.5 * Math.log(2), 3);
});

test("the calibration error is the distance of confidence and share answerable, by bin: hand-computed", () => {
  const items = [judged(0.95, true), judged(0.95, false), judged(0.15, false), judged(1, true)];
  const bins = reliability(items)(ones(items));
  expect(bins[9]).toMatchObject({ items: 3, answerable: 2 / 3 });
  expect(bins[1]).toMatchObject({ items: 1, answerable: 0 });
  expect(bins[5]?.items).toBe(0);
  const expected = (3 * Math.abs((0.95 + 0.95 + 1) / 3 - 2 / 3) + 0.15) / 4;
  expect(expectedCalibrationError(items)(ones(items))).toBeCloseTo(expected, 12);
  expect(expectedCalibrationError([])([])).toBeNaN();
});

test("far@95answered is the share of the unanswerable ones that go with the first 95 % of the answerable ones", () => {
  const items = [
    ...Array.from({ length: 19 }, () => judged(0.9, true)),
    judged(0.8, false),
    judged(0.7, true),
    judged(0.6, false),
  ];
  expect(falseAnswersAtAnsweredRate(items, 0.95)(ones(items))).toBe(0);
  expect(falseAnswersAtAnsweredRate(items, 1)(ones(items))).toBe(0.5);
});

test("what a report keeps of an answer gives the same figures, without a document's name", () => {
  const item = {
    ...judged(0.7, true),
    query: "q",
    user: null,
    kind: "k",
    result: "answered",
    hits: ["x", "right", "y", "also", "z"],
    relevant: ["right", "also", "never-found"],
  };
  const stored = storedItem(item);
  expect(stored).toEqual(["q", null, "0.7", "k", true, 0.7, "answered", 3, [2, 4]] satisfies StoredItem);
  const again = itemOfStored(stored);
  expect(storedItem(again)).toEqual(stored);
  expect(again.hits).toHaveLength(4);
});
