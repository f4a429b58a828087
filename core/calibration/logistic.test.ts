import { expect, test } from "vitest";
import { samplesOf } from "#test/kit/samples.ts";
import { CalibrationError } from "./error.ts";
import { fitModel, nineDigits, probability } from "./linear-model.ts";
import { fitLogistic, sigmoid, softplus } from "./logistic.ts";
import { balancedWeights } from "./sample.ts";

// Reference: scikit-learn 1.9.1, StandardScaler and LogisticRegression(solver="newton-cholesky", tol=1e-14), in the order cosine, bm25,
// missing, noise and the intercept; "balanced" has class_weight="balanced", or sample weights for classes and sets.
const names = ["cosine", "bm25", "missing", "noise"];
const reference = [
  [0.003, [0.0560474145591677, 0.06899685598714839, -0.05630969636677745, 0.003054121910124744], 0.733469227880056],
  [1, [0.856828051909674, 0.9659245261257554, -0.871873650726815, 0.01028555963354389], 1.124650715722249],
  [100, [0.9467281767286698, 1.055283212981481, -0.9627545686177265, 0.0038338970752252203], 1.1864242432814867],
] as const;

test("weights and bias are those of scikit-learn at the same C, from strong to weak regularisation", () => {
  for (const [regularisation, weights, bias] of reference) {
    const model = fitModel(samplesOf(120), names, { regularisation, balanced: false });
    expect(model.features.map((term) => term.weight)).toEqual(weights.map((value) => expect.closeTo(value, 7)));
    expect(model.bias).toBeCloseTo(bias, 7);
  }
});

test("classes and sets weigh the same: scaling, weights, bias and probabilities are those of scikit-learn with such weights", () => {
  const samples = [...samplesOf(120), ...samplesOf(60, { set: "other", seed: 9, answerableShare: 0.3 })];
  const model = fitModel(samples, names, { regularisation: 0.003, balanced: true });
  expect(model.features.map(({ name, ...numbers }) => [name, numbers])).toEqual(
    [
      ["cosine", 0.45285133028082936, 0.10076065973677721, 0.09272431489621366],
      ["bm25", 13.269194391907446, 6.731576967050168, 0.09520296922950909],
      ["missing", 2.497251450413778, 1.662779192074721, -0.08106859479432374],
      ["noise", -4.016981274691349, 95.80323668554708, 0.016822452163315203],
    ].map(([name, mean, scale, weight]) => [
      name,
      {
        mean: expect.closeTo(Number(mean), 6),
        scale: expect.closeTo(Number(scale), 6),
        weight: expect.closeTo(Number(weight), 7),
      },
    ]),
  );
  expect(model.bias).toBeCloseTo(-8.983072729053097e-5, 8);
  const given = samples.slice(0, 3).map((sample) => probability(model, sample.features));
  expect(given).toEqual([0.471277685581643, 0.49782257988350687, 0.4685204490622262].map((p) => expect.closeTo(p, 7)));
});

test("balanced weights give each class one half, each set the same share of it, and sum to the number of questions", () => {
  const samples = [...samplesOf(120), ...samplesOf(60, { set: "other", seed: 9, answerableShare: 0.3 })];
  const weights = balancedWeights(samples);
  const sum = (chosen: (at: number) => boolean) =>
    weights.reduce((all, weight, at) => all + (chosen(at) ? weight : 0), 0);
  for (const set of ["set", "other"]) {
    for (const answerable of [true, false]) {
      expect(sum((at) => samples[at]?.set === set && samples[at]?.answerable === answerable)).toBeCloseTo(45, 9);
    }
  }
});

test("the same questions give the same numbers, in any order of the features of a question", () => {
  const samples = samplesOf(80);
  const turned = samples.map((sample) => ({
    ...sample,
    features: Object.fromEntries(Object.entries(sample.features).toReversed()),
  }));
  const settings = { regularisation: 0.003, balanced: true };
  expect(JSON.stringify(fitModel(turned, names, settings))).toBe(JSON.stringify(fitModel(samples, names, settings)));
});

test("a class that can be separated without error still settles, because the penalty holds the weights", () => {
  const rows = [-2, -1, 1, 2].map((x) => Float64Array.of(x));
  const fit = fitLogistic({ rows, labels: [0, 0, 1, 1], weights: [1, 1, 1, 1], regularisation: 1e6 });
  expect(fit.weights[0]).toBeGreaterThan(5);
  expect(fit.bias).toBeCloseTo(0, 6);
});

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof CalibrationError ? error.code : String(error);
  }
};

test("what cannot be fitted is refused with a code: one class, numbers that are none, a constant feature, a strength of zero", () => {
  const row = [Float64Array.of(1), Float64Array.of(2)];
  const weights = [1, 1];
  expect(codeOf(() => fitLogistic({ rows: row, labels: [1, 1], weights, regularisation: 1 }))).toBe("one-class");
  expect(codeOf(() => fitLogistic({ rows: row, labels: [1, 0], weights: [1, 0], regularisation: 1 }))).toBe(
    "one-class",
  );
  const holes = [Float64Array.of(Number.NaN), Float64Array.of(2)];
  expect(codeOf(() => fitLogistic({ rows: holes, labels: [1, 0], weights, regularisation: 1 }))).toBe("not-finite");
  expect(codeOf(() => fitLogistic({ rows: row, labels: [1, 0], weights, regularisation: 0 }))).toBe("bad-setting");
  const flat = samplesOf(40).map((sample) => ({ ...sample, features: { ...sample.features, flat: 7 } }));
  const settings = { regularisation: 1, balanced: true };
  expect(() => fitModel(flat, [...names, "flat"], settings)).toThrow("always the same value: flat");
  expect(fitModel(flat, ["flat", "bm25"], { ...settings, constant: "no-weight" }).features[0]?.weight).toBe(0);
});

test("an outlier is held at six scales, and a feature that is absent or not finite makes the probability NaN", () => {
  const model = { bias: 0, features: [{ name: "x", mean: 1, scale: 2, weight: 0.5 }] };
  expect(probability(model, { x: 1e9 })).toBe(sigmoid(3));
  expect(probability(model, { x: -1e9 })).toBe(sigmoid(-3));
  expect(probability(model, {})).toBeNaN();
  expect(probability(model, { x: Number.NaN })).toBeNaN();
  expect(probability(model, { x: Number.POSITIVE_INFINITY })).toBeNaN();
});

test("the functions of log odds do not overflow", () => {
  expect([sigmoid(-1000), sigmoid(0), sigmoid(1000)]).toEqual([0, 0.5, 1]);
  expect([softplus(-1000), softplus(1000)]).toEqual([0, 1000]);
  expect(sigmoid(Number.NaN)).toBeNaN();
  expect(nineDigits(1 / 3)).toBe(0.333333333);
});
