import { round6 } from "../retrieval/round.ts";
import { CalibrationError } from "./error.ts";
import {
  type AbstentionCurves,
  type AbstentionFigures,
  abstentionCurves,
  abstentionFigures,
  type Comparison,
  compare,
  groupDraws,
  scoredBy,
} from "./figures.ts";
import { type FitPart, groupFolds, outOfFold, randomFolds } from "./folds.ts";
import { type LinearModel, probability } from "./linear-model.ts";
import { fitRescaled, type RescaleSettings } from "./rescale.ts";
import { commonFeatures, constantFeatures, type Sample } from "./sample.ts";
import {
  binomialBand,
  conformalThreshold,
  type RateThreshold,
  type RealisedRate,
  rateThreshold,
  realisedRate,
} from "./threshold.ts";

/** What a calibration is made with. */
export interface CalibrateSettings extends Omit<RescaleSettings, "constant"> {
  /** Features that are left out of the model; a name that no sample has is no mistake. */
  readonly without?: readonly string[];
  /** α of "at most α of the unanswerable questions answered"; absent = no such threshold is looked for. */
  readonly conformal?: number;
  /** The calibration in force, which the new one must not be worse than. */
  readonly baseline?: LinearModel;
  /** Called after each of {@link calibrateSteps} steps. */
  readonly onStep?: () => void;
}

/** Steps of one {@link calibrate}, for a progress bar. */
export const calibrateSteps = 4;

/** What the conformal rule gives, and what it came to. */
export interface ConformalReport {
  readonly alpha: number;
  /** Put this into trust.yaml; `null` when there are too few unanswerable questions for α. */
  readonly threshold: number | null;
  /** On random folds, where the guarantee holds, with the 95 % band of a share that is exactly α. */
  readonly random_folds: (RealisedRate & { readonly band: { readonly low: number; readonly high: number } }) | null;
  /** On folds cut by group, where it does not: new topics are not exchangeable with old ones. */
  readonly group_folds: (RealisedRate & { readonly excess: number }) | null;
}

/** What a calibration is worth on one of several sets. */
export interface SetReport {
  readonly set: string;
  /** Folds cut by group, fitted on the other folds of all sets. */
  readonly figures: AbstentionFigures;
  /** Fitted on the other sets alone: what to expect of a corpus that nobody has fitted on. `null` when the others do not allow a fit. */
  readonly left_out: AbstentionFigures | null;
}

/** Everything that is known about a calibration. All confidences in it are out of fold. */
export interface CalibrationReport {
  readonly sets: readonly SetReport[];
  /** Folds cut by group: what to expect of new topics. */
  readonly figures: AbstentionFigures;
  /** Random folds: what to expect of more questions about the same topics. */
  readonly random_folds: AbstentionFigures;
  readonly curves: AbstentionCurves;
  /** Thresholds for rates of false answers, taken on group folds, with a margin. */
  readonly thresholds: readonly RateThreshold[];
  readonly conformal: ConformalReport | null;
  /** Against the calibration in force; `null` when there is none to compare with. */
  readonly baseline: (Comparison & { readonly figures: AbstentionFigures }) | null;
  /** Features that have the same value in all questions, and so no place in the model. */
  readonly constant_features: readonly string[];
  readonly settings: {
    readonly regularisation: number;
    readonly balanced: boolean;
    readonly rescale: boolean;
    /** `null` when the log odds stay where the fit put them. */
    readonly answering: number | null;
  };
}

/** Rates of false answers for which a threshold is reported. */
const shownRates = [0.01, 0.05, 0.1] as const;

/**
 * Fits a calibration on judged questions, and finds out on questions that it was not fitted on what it is worth.
 * @throws CalibrationError when the questions do not allow it
 */
export function calibrate(
  samples: readonly Sample[],
  settings: CalibrateSettings,
): { readonly model: LinearModel; readonly report: CalibrationReport } {
  const step = settings.onStep ?? (() => undefined);
  const all = commonFeatures(samples).filter((name) => settings.without?.includes(name) !== true);
  const constant_features = constantFeatures(samples, all);
  const names = all.filter((name) => !constant_features.includes(name));
  const { regularisation, balanced, rescale, answering } = settings;
  if (answering !== undefined && !(rescale && answering > 0 && answering < 1)) {
    throw new CalibrationError(
      "bad-setting",
      "the share of answered questions lies between 0 and 1, and needs rescaling",
    );
  }
  const fit = { regularisation, balanced, rescale, ...(answering === undefined ? {} : { answering }) };
  // All features constant: the refusal names them.
  const model = fitRescaled(samples, names.length === 0 ? all : names, fit);
  step();

  const fitPart: FitPart = (part) => fitRescaled(part, names, { ...fit, constant: "no-weight" });
  const byGroup = groupFolds(samples);
  const scores = outOfFold(samples, byGroup, fitPart);
  const atRandom = randomFolds(samples);
  const randomScores = outOfFold(samples, atRandom, fitPart);
  step();

  const drawn = groupDraws(samples);
  const items = scoredBy(samples, scores);
  const figures = abstentionFigures(samples, scores, drawn);
  const random_folds = abstentionFigures(samples, randomScores, drawn);
  step();
  const report: CalibrationReport = {
    sets: setReports(samples, scores, drawn, fitPart),
    figures,
    random_folds,
    curves: abstentionCurves(samples, scores),
    thresholds: shownRates.map((rate) => rateThreshold(items, drawn, rate)),
    conformal: settings.conformal === undefined ? null : conformal(settings.conformal),
    baseline: settings.baseline === undefined ? null : against(settings.baseline),
    constant_features,
    settings: { regularisation, balanced, rescale, answering: answering ?? null },
  };
  step();
  return { model, report };

  function against(baseline: LinearModel) {
    const of = (linear: LinearModel) => samples.map(({ features }) => probability(linear, features));
    const inForce = of(baseline);
    const compared = compare(samples, { outOfFold: scores, inSample: of(model), inForce }, drawn);
    return { ...compared, figures: abstentionFigures(samples, inForce, drawn) };
  }

  function conformal(alpha: number): ConformalReport {
    const random = scoredBy(samples, randomScores);
    const onRandom = realisedRate(random, atRandom, alpha);
    const onGroups = realisedRate(items, byGroup, alpha);
    return {
      alpha,
      threshold: conformalThreshold(
        random.filter((item) => !item.answerable).map((item) => item.score),
        alpha,
      ),
      random_folds: onRandom === null ? null : { ...onRandom, band: binomialBand(onRandom.unanswerable, alpha) },
      group_folds:
        onGroups === null ? null : { ...onGroups, excess: Math.max(0, onGroups.answered_unanswerable - alpha) },
    };
  }
}

function setReports(
  samples: readonly Sample[],
  scores: Float64Array,
  drawn: readonly Float64Array[],
  fitPart: FitPart,
): readonly SetReport[] {
  const names = [...new Set(samples.map((sample) => sample.set))].toSorted();
  return names.map((set) => {
    const places = samples.flatMap((sample, at) => (sample.set === set ? [at] : []));
    const pick = (values: ArrayLike<number>) => Float64Array.from(places, (at) => values[at] ?? 0);
    const own = places.flatMap((at) => samples[at] ?? []);
    const draws = drawn.map(pick);
    const others = samples.filter((sample) => sample.set !== set);
    const fitted = new Set(others.map((sample) => sample.answerable)).size === 2 ? fitPart(others) : undefined;
    return {
      set,
      figures: abstentionFigures(own, pick(scores), draws),
      left_out:
        fitted === undefined
          ? null
          : abstentionFigures(
              own,
              own.map(({ features }) => round6(probability(fitted, features))),
              draws,
            ),
    };
  });
}
