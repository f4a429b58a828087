import { calibrate } from "#core/calibration/calibrate.ts";
import { abstentionFigures, defaultThreshold, groupDraws, scoredBy } from "#core/calibration/figures.ts";
import { type LinearModel, probability } from "#core/calibration/linear-model.ts";
import type { Sample } from "#core/calibration/sample.ts";
import { binomialBand } from "#core/calibration/threshold.ts";
import { calibratedFeatures } from "#core/retrieval/confidence.ts";

/** C of the penalty that `reticent calibrate --labels` takes. */
const labelsRegularisation = 0.03;

/** Judged questions of one set, and the calibration that was made without looking at them. */
export interface JudgedSet {
  readonly set: string;
  readonly model: LinearModel;
  readonly calib: readonly Sample[];
  readonly test: readonly Sample[];
}

/** What confidences without labels come to, judged by labels; pooled over the sets in the last row, each question once. */
export function selfRows(sets: readonly JudgedSet[], split: "calib" | "test") {
  const scored = sets.map(({ set, model, [split]: samples }) => ({
    set,
    samples,
    scores: samples.map(({ features }) => probability(model, features)),
  }));
  const pooled = {
    set: "pooled",
    samples: scored.flatMap(({ samples }) => samples),
    scores: scored.flatMap(({ scores }) => scores),
  };
  return [...scored, ...(scored.length > 1 ? [pooled] : [])].map(({ set, samples, scores }) => {
    const { questions, answerable, groups, auroc, operating_points } = abstentionFigures(
      samples,
      scores,
      groupDraws(samples),
      [defaultThreshold],
    );
    return { set, split, questions, answerable, groups, auroc, at: operating_points[0] ?? null };
  });
}

/** What the conformal rule comes to after a fit on labels: on random folds, on folds cut by group, and on test after calib. */
export function conformalRow({ set, calib, test }: Omit<JudgedSet, "model">, alpha: number) {
  const settings = {
    regularisation: labelsRegularisation,
    balanced: true,
    rescale: false,
    conformal: alpha,
    without: Object.keys(calib[0]?.features ?? {}).filter((name) => !calibratedFeatures.includes(name)),
  };
  const all = calibrate([...calib, ...test], settings).report.conformal;
  const { model, report } = calibrate(calib, settings);
  const limit = report.conformal?.threshold ?? null;
  return {
    set,
    alpha,
    random_folds: all?.random_folds ?? null,
    group_folds: all?.group_folds ?? null,
    calib_to_test: limit === null ? null : answered(test, model, limit, alpha),
  };
}

function answered(samples: readonly Sample[], model: LinearModel, limit: number, alpha: number) {
  const items = scoredBy(
    samples,
    samples.map(({ features }) => probability(model, features)),
  );
  const share = (answerable: boolean) => {
    const kind = items.filter((item) => item.answerable === answerable);
    return kind.filter((item) => item.score >= limit).length / kind.length;
  };
  const unanswerable = items.filter((item) => !item.answerable).length;
  return {
    unanswerable,
    answered_unanswerable: share(false),
    answered_answerable: share(true),
    band: binomialBand(unanswerable, alpha),
    excess: Math.max(0, share(false) - alpha),
  };
}

type Shown = { readonly value: number | null; readonly low: number | null; readonly high: number | null };
const figure = (value: number | null | undefined) =>
  value === null || value === undefined ? "–" : value.toFixed(3).replace(/^0/, "");
const interval = ({ value, low, high }: Shown) => `${figure(value)} [${figure(low)}, ${figure(high)}]`;

/** The rows as Markdown tables. */
export function tablesOf(
  self: readonly ReturnType<typeof selfRows>[number][],
  conformal: readonly ReturnType<typeof conformalRow>[],
): string {
  const rate = (part: { answered_unanswerable: number; answered_answerable: number } | null) =>
    part === null ? ["–", "–"] : [figure(part.answered_unanswerable), figure(part.answered_answerable)];
  const band = (part: { band: { low: number; high: number } } | null) =>
    part === null ? "–" : `${figure(part.band.low)} … ${figure(part.band.high)}`;
  return [
    "| set | split | questions | AUROC | answerable answered | unanswerable answered |",
    "|---|---|---:|---:|---:|---:|",
    ...self.map(({ set, split, questions, auroc, at }) => {
      const shown = at === null ? ["–", "–"] : [interval(at.answered_answerable), interval(at.answered_unanswerable)];
      return `| ${[set, split, questions, interval(auroc), ...shown].join(" | ")} |`;
    }),
    "",
    "| set | random folds: unanswerable answered | band | answerable | group folds: unanswerable | excess | answerable | calib → test: unanswerable | excess | answerable |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...conformal.map(({ set, random_folds, group_folds, calib_to_test }) => {
      const [random, randomKept] = rate(random_folds);
      const [grouped, groupedKept] = rate(group_folds);
      const [later, laterKept] = rate(calib_to_test);
      const cells = [set, random, band(random_folds), randomKept].concat(
        [grouped, figure(group_folds?.excess), groupedKept],
        [later, figure(calib_to_test?.excess), laterKept],
      );
      return `| ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}
