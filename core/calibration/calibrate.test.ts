import { expect, test } from "vitest";
import { samplesOf } from "#test/kit/samples.ts";
import { areaUnderRiskCoverage, brierScore, expectedCalibrationError, logLoss, riskCoverage } from "./abstention.ts";
import { seededRandom } from "./bootstrap.ts";
import { calibrate } from "./calibrate.ts";
import { defaultThreshold } from "./figures.ts";
import { type FitPart, groupFolds, groupOf, outOfFold, randomFolds } from "./folds.ts";
import { fitModel, probability } from "./linear-model.ts";
import { auroc, ones, type Scored } from "./metrics.ts";
import { fitRescaled } from "./rescale.ts";
import { commonFeatures } from "./sample.ts";
import { binomialBand, conformalThreshold, rateThreshold, realisedRate, thresholdAtRate } from "./threshold.ts";

const settings = { regularisation: 0.003, balanced: true, rescale: false };

test("Brier score, log loss and AUROC are those of scikit-learn, each class with weight one half", () => {
  const samples = [...samplesOf(120), ...samplesOf(60, { set: "other", seed: 9, answerableShare: 0.3 })];
  const model = fitModel(samples, ["cosine", "bm25", "missing", "noise"], settings);
  const items = samples.map(({ answerable, features }) => ({ answerable, score: probability(model, features) }));
  expect(auroc(items)(ones(items))).toBeCloseTo(0.8501059982541465, 9);
  expect(brierScore(items)(ones(items))).toBeCloseTo(0.2255521627066286, 7);
  expect(logLoss(items)(ones(items))).toBeCloseTo(0.6439550338918745, 7);
});

const items = (answerable: readonly number[], unanswerable: readonly number[]): Scored[] => [
  ...answerable.map((score) => ({ score, answerable: true })),
  ...unanswerable.map((score) => ({ score, answerable: false })),
];

test("the risk-coverage curve and its area are hand-computed: a wrong answer in second place of four", () => {
  const list = items([0.9, 0.5], [0.7, 0.1]);
  expect(riskCoverage(list, ones(list))).toEqual([
    { threshold: 0.9, coverage: 0.25, risk: 0 },
    { threshold: 0.7, coverage: 0.5, risk: 0.5 },
    { threshold: 0.5, coverage: 0.75, risk: expect.closeTo(1 / 3, 12) },
    { threshold: 0.1, coverage: 1, risk: 0.5 },
  ]);
  expect(areaUnderRiskCoverage(list)(ones(list))).toBeCloseTo((0 + 0.5 + 1 / 3 + 0.5) / 4, 12);
  // The numbers of the two kinds do not matter: the same shares at every threshold.
  const twice = items([0.9, 0.5], [0.7, 0.1, 0.7, 0.1]);
  expect(areaUnderRiskCoverage(twice)(ones(twice))).toBeCloseTo(areaUnderRiskCoverage(list)(ones(list)), 12);
});

test("the calibration error is 0 for a confidence that is right on average in each bin, and the distance otherwise", () => {
  const right = items([0.75, 0.75, 0.75, 0.25], [0.75, 0.25, 0.25, 0.25]);
  expect(expectedCalibrationError(right)(ones(right))).toBeCloseTo(0, 12);
  const sure = items([1, 1], [1, 1]);
  expect(expectedCalibrationError(sure)(ones(sure))).toBe(0.5);
});

test("group folds never cut a group, hold both kinds, and refuse a kind that lies in one group", () => {
  const samples = samplesOf(200, { groups: 9 });
  const folds = groupFolds(samples, 4);
  const pairs = new Set(samples.map((sample, at) => `${groupOf(sample)} ${folds.of[at]}`));
  expect(pairs.size).toBe(9);
  for (let fold = 0; fold < folds.count; fold++) {
    const inside = samples.filter((_, at) => folds.of[at] === fold);
    expect(new Set(inside.map((sample) => sample.answerable)).size).toBe(2);
  }
  const one = samples.map((sample) => ({ ...sample, group: sample.answerable ? sample.group : "alone" }));
  expect(() => groupFolds(one)).toThrow("the unanswerable questions lie in 1 group(s)");
});

test("random folds are the questions' own where all have one; else drawn by question, so that its two cases stay together", () => {
  const samples = samplesOf(100);
  expect(randomFolds(samples).of.slice(0, 12)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  const pairs = samples.flatMap((sample) => [true, false].map((answerable) => ({ ...sample, answerable, fold: null })));
  const folds = randomFolds(pairs, 5);
  for (let at = 0; at < pairs.length; at += 2) expect(folds.of[at]).toBe(folds.of[at + 1]);
  expect(randomFolds(pairs, 5)).toEqual(folds);
});

test("an out-of-fold confidence comes from a model that never saw the fold: labels turned round in it change nothing there", () => {
  const samples = samplesOf(120);
  const folds = groupFolds(samples);
  const names = commonFeatures(samples);
  const turned = samples.map((sample, at) =>
    folds.of[at] === 0 ? { ...sample, answerable: !sample.answerable } : sample,
  );
  const fit: FitPart = (part) => fitRescaled(part, names, { ...settings, rescale: true });
  const before = outOfFold(samples, folds, fit);
  const after = outOfFold(turned, folds, fit);
  const inFold = (scores: Float64Array) => scores.filter((_, at) => folds.of[at] === 0);
  expect(inFold(after)).toEqual(inFold(before));
  expect(after).not.toEqual(before);
});

test("the conformal threshold lies just above the ⌈(n+1)(1−α)⌉-th smallest, and is refused when n is too small for α", () => {
  const scores = Array.from({ length: 19 }, (_, at) => (19 - at) / 100);
  expect(conformalThreshold(scores, 0.05)).toBe(0.190001);
  expect(conformalThreshold(scores, 0.1)).toBe(0.180001);
  expect(conformalThreshold(scores.slice(1), 0.05)).toBeNull();
  expect(() => conformalThreshold(scores, 0)).toThrow("α lies strictly between 0 and 1");
});

test("under exchangeability the realised rate lies within the binomial band of α", () => {
  const random = seededRandom(11);
  const list = Array.from({ length: 2_000 }, (_, at) => ({ answerable: at % 2 === 0, score: random() }));
  const folds = { count: 10, of: list.map(() => Math.floor(random() * 10)) };
  const band = binomialBand(1_000, 0.05);
  const realised = realisedRate(list, folds, 0.05);
  expect(realised?.answered_unanswerable).toBeGreaterThanOrEqual(band.low);
  expect(realised?.answered_unanswerable).toBeLessThanOrEqual(band.high);
});

test("the binomial band is the exact one (SciPy's binom.ppf)", () => {
  expect(binomialBand(200, 0.05)).toEqual({ low: 4 / 200, high: 16 / 200 });
  expect(binomialBand(1038, 0.05)).toEqual({ low: 39 / 1038, high: 66 / 1038 });
  expect(binomialBand(56, 0.1)).toEqual({ low: 2 / 56, high: 10 / 56 });
});

test("a threshold for a rate answers at most that share, ties as a whole, and its margin never lowers it", () => {
  const weights = (list: readonly number[]) => list.map(() => 1);
  const scores = [0.9, 0.8, 0.8, 0.3];
  expect(thresholdAtRate(scores, weights(scores), 0.5)).toBe(0.800001);
  expect(thresholdAtRate(scores, weights(scores), 0.75)).toBe(0.300001);
  expect(thresholdAtRate(scores, weights(scores), 1)).toBe(0);
  const list = items([0.9], scores);
  const drawn = [Float64Array.of(1, 4, 0, 0, 0), Float64Array.of(1, 1, 1, 1, 1)];
  const margin = rateThreshold(list, drawn, 0.5);
  expect(margin.without_margin).toBe(0.800001);
  expect(margin.threshold).toBeGreaterThan(0.89);
});

test("a report is the same every time, and holds out-of-fold figures, thresholds, conformal rates and what was left out", () => {
  const samples = samplesOf(300).map((sample) => ({ ...sample, features: { ...sample.features, flat: 1 } }));
  const made = calibrate(samples, { ...settings, conformal: 0.1, without: ["noise"] });
  expect(JSON.stringify(calibrate(samples, { ...settings, conformal: 0.1, without: ["noise"] }))).toBe(
    JSON.stringify(made),
  );
  expect(made.model.features.map((term) => term.name)).toEqual(["bm25", "cosine", "missing"]);
  const { report } = made;
  expect(report.constant_features).toEqual(["flat"]);
  expect(report.figures).toMatchObject({ questions: 300, groups: 12 });
  expect(report.figures.auroc.low).toBeGreaterThan(0.7);
  expect(report.figures.auroc.high).toBeLessThan(0.95);
  expect(report.conformal?.random_folds?.band.low).toBeLessThan(0.1);
  expect(report.conformal?.threshold).toBeGreaterThan(0.4);
  expect(report.curves.risk_coverage.at(-1)?.coverage).toBeCloseTo(1, 9);
});

test("rescaled log odds keep their order and come nearer to the truth: few questions and a strong penalty press them to one half", () => {
  const samples = samplesOf(200, { groups: 40 });
  const flat = calibrate(samples, settings);
  const stretched = calibrate(samples, { ...settings, rescale: true });
  const order = ({ model }: typeof flat) =>
    samples.map((_, at) => at).toSorted((a, b) => of(model, a) - of(model, b) || a - b);
  const of = (model: typeof flat.model, at: number) => probability(model, samples[at]?.features ?? {});
  expect(order(stretched)).toEqual(order(flat));
  expect(stretched.report.figures.ece.value).toBeLessThan(flat.report.figures.ece.value ?? 0);
  expect(stretched.report.figures.log_loss.value).toBeLessThan(flat.report.figures.log_loss.value ?? 0);
});

test("a baseline that is better beyond noise is found out; the very same fit, which has seen the questions, is no better", () => {
  const samples = samplesOf(400);
  const { model } = calibrate(samples, settings);
  expect(calibrate(samples, { ...settings, baseline: model }).report.baseline?.worse).toEqual([]);
  const blind = calibrate(samples, { ...settings, without: ["cosine", "bm25", "missing"], baseline: model });
  expect(blind.report.baseline?.worse).toContain("auroc");
  expect(blind.report.baseline?.worse).toContain("log_loss");
});

test("what answerable questions have to spare is spent against false answers: they pass the default threshold in the share asked for", () => {
  const samples = samplesOf(300);
  const at = (answering?: number) => {
    const { model, report } = calibrate(samples, {
      ...settings,
      rescale: true,
      ...(answering === undefined ? {} : { answering }),
    });
    const point = report.figures.operating_points.find(({ threshold }) => threshold === defaultThreshold);
    return { model, answered: point?.answered_answerable.value ?? 0, wrong: point?.answered_unanswerable.value ?? 1 };
  };
  const plain = at();
  const lowered = at(0.6);
  expect(plain.answered).toBeGreaterThan(0.67);
  expect(Math.abs(lowered.answered - 0.6)).toBeLessThan(0.05);
  expect(lowered.wrong).toBeLessThan(plain.wrong);
  expect(lowered.model.features).toEqual(plain.model.features);
  expect(lowered.model.bias).toBeLessThan(plain.model.bias);
  // Nothing is raised where there is nothing to spare.
  expect(at(0.99).model).toEqual(plain.model);
  expect(() => calibrate(samples, { ...settings, answering: 0.9 })).toThrow("needs rescaling");
  expect(() => calibrate(samples, { ...settings, rescale: true, answering: 1 })).toThrow("between 0 and 1");
});
