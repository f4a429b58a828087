import {
  answeredShare,
  areaUnderRiskCoverage,
  brierScore,
  expectedCalibrationError,
  logLoss,
  type ReliabilityBin,
  type RiskCoveragePoint,
  reliability,
  riskCoverage,
} from "./abstention.ts";
import { type Estimate, estimate, resamples } from "./bootstrap.ts";
import { groupOf } from "./folds.ts";
import { answeredAtFalseAnswerRate, auroc, ones, type Scored, type Statistic, type Weights } from "./metrics.ts";
import type { Sample } from "./sample.ts";

/** Resamples of an interval, and the seed that makes them the same in every run. */
export const draws = 1_000;
export const drawSeed = 20_261_121;

/** The threshold on confidence that the shipped trust policy names: below it the service abstains. */
export const defaultThreshold = 0.55;

/** Thresholds that every report shows. */
export const shownThresholds = [0.5, defaultThreshold, 0.6, 0.7, 0.8, 0.9] as const;

/** What the service would do at one threshold. */
export interface OperatingPoint {
  readonly threshold: number;
  /** Share of the answerable questions that are answered. */
  readonly answered_answerable: Estimate;
  /** Share of the unanswerable questions that are answered: the false answers. */
  readonly answered_unanswerable: Estimate;
}

/** The figures of out-of-fold confidences. Both classes weigh 1:1 in all of them. Intervals of 95 % resample whole groups. */
export interface AbstentionFigures {
  readonly questions: number;
  readonly answerable: number;
  readonly groups: number;
  readonly auroc: Estimate;
  readonly ece: Estimate;
  readonly brier: Estimate;
  readonly log_loss: Estimate;
  readonly aurc: Estimate;
  readonly answered_at_far5: Estimate;
  readonly operating_points: readonly OperatingPoint[];
}

/** The two curves of a report. */
export interface AbstentionCurves {
  readonly risk_coverage: readonly RiskCoveragePoint[];
  readonly reliability: readonly ReliabilityBin[];
}

/** Samples with the confidence that somebody gave them. */
export function scoredBy(samples: readonly Sample[], scores: ArrayLike<number>): readonly Scored[] {
  return samples.map(({ answerable }, at) => ({ answerable, score: scores[at] ?? Number.NaN }));
}

/** Resamples of the samples by whole groups, the same in every run. */
export function groupDraws(samples: readonly Sample[]): readonly Float64Array[] {
  return resamples(samples.map(groupOf), draws, drawSeed);
}

/** All figures of confidences. @param drawn of {@link groupDraws} over the same samples */
export function abstentionFigures(
  samples: readonly Sample[],
  scores: ArrayLike<number>,
  drawn: readonly Float64Array[],
  thresholds: readonly number[] = shownThresholds,
): AbstentionFigures {
  const items = scoredBy(samples, scores);
  const of = (statistic: Statistic): Estimate => rounded(estimate(statistic, items, drawn));
  return {
    questions: items.length,
    answerable: items.filter((item) => item.answerable).length,
    groups: new Set(samples.map(groupOf)).size,
    auroc: of(auroc(items)),
    ece: of(expectedCalibrationError(items)),
    brier: of(brierScore(items)),
    log_loss: of(logLoss(items)),
    aurc: of(areaUnderRiskCoverage(items)),
    answered_at_far5: of(answeredAtFalseAnswerRate(items, 0.05)),
    operating_points: thresholds.map((threshold) => ({
      threshold,
      answered_answerable: of(answeredShare(items, true, threshold)),
      answered_unanswerable: of(answeredShare(items, false, threshold)),
    })),
  };
}

/** The curves of confidences; the risk-coverage curve at (at most) every hundredth of coverage. */
export function abstentionCurves(samples: readonly Sample[], scores: ArrayLike<number>): AbstentionCurves {
  const items = scoredBy(samples, scores);
  const weights = ones(items);
  const curve = riskCoverage(items, weights);
  let next = 0;
  const risk_coverage = curve.filter(({ coverage }, at) => {
    if (coverage < next && at < curve.length - 1) return false;
    next = Math.floor(coverage * 100 + 1) / 100;
    return true;
  });
  return { risk_coverage, reliability: reliability(items, weights) };
}

/** How a new confidence compares with the one in force on the same questions, new minus old. */
export interface Comparison {
  readonly auroc_difference: Estimate;
  readonly log_loss_difference: Estimate;
  /**
   * How much better the new model looks on the questions that it was fitted on than out of fold. The one in force may have been fitted on
   * these very questions, so this much of its lead says nothing.
   */
  readonly optimism: { readonly auroc: number; readonly log_loss: number };
  /** What got worse beyond noise: the whole interval of the difference lies on the wrong side of zero, by more than the optimism. */
  readonly worse: readonly ("auroc" | "log_loss")[];
}

/** The confidences that {@link compare} needs, each one number per sample. */
export interface Compared {
  readonly outOfFold: ArrayLike<number>;
  /** By the new model, which was fitted on all samples. */
  readonly inSample: ArrayLike<number>;
  readonly inForce: ArrayLike<number>;
}

/** Compares two confidences of the same samples by paired resamples: each draw is used for both. */
export function compare(samples: readonly Sample[], scores: Compared, drawn: readonly Float64Array[]): Comparison {
  const of = (statistic: (items: readonly Scored[]) => Statistic) => {
    const [fresh, seen, old] = [scores.outOfFold, scores.inSample, scores.inForce].map((values) =>
      statistic(scoredBy(samples, values)),
    );
    const at = (figure: Statistic | undefined, weights: Weights) => figure?.(weights) ?? Number.NaN;
    const all = ones(samples);
    return {
      difference: rounded(estimate((weights) => at(fresh, weights) - at(old, weights), samples, drawn)),
      optimism: Math.round(Math.abs(at(seen, all) - at(fresh, all)) * 1e4) / 1e4,
    };
  };
  const ranking = of(auroc);
  const loss = of(logLoss);
  const worse: ("auroc" | "log_loss")[] = [];
  // Written so that a figure that is not defined is worse.
  if (!((ranking.difference.high ?? Number.NaN) >= -ranking.optimism)) worse.push("auroc");
  if (!((loss.difference.low ?? Number.NaN) <= loss.optimism)) worse.push("log_loss");
  return {
    auroc_difference: ranking.difference,
    log_loss_difference: loss.difference,
    optimism: { auroc: ranking.optimism, log_loss: loss.optimism },
    worse,
  };
}

/** Four decimals: intervals are wider than that. */
function rounded({ value, low, high }: Estimate): Estimate {
  const round4 = (figure: number | null) => (figure === null ? null : Math.round(figure * 1e4) / 1e4);
  return { value: round4(value), low: round4(low), high: round4(high) };
}
