import { CalibrationError } from "./error.ts";
import type { Folds } from "./folds.ts";
import { quantile, type Scored } from "./metrics.ts";

/** Confidences are shown with six decimals: the smallest step above one. */
const step = 1e-6;

/**
 * The lowest threshold at which at most `rate` of the unanswerable questions are answered, to six decimals.
 * @param rate 0 … 1
 * @returns above 1 when every confidence below 1 is too low
 */
export function thresholdAtRate(scores: readonly number[], weights: readonly number[], rate: number): number {
  const order = scores.map((_, at) => at).toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let answered = 0;
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i] ?? 0] ?? 0;
    let run = 0;
    while (i < order.length && scores[order[i] ?? 0] === score) run += weights[order[i++] ?? 0] ?? 0;
    answered += run;
    // The run of this score is too much as a whole: the threshold lies just above it.
    if (answered > rate * total + 1e-9) return above(score);
  }
  return 0;
}

const above = (score: number): number => (Math.round(score * 1e6) + 1) / 1e6;

/** A threshold for a rate of false answers, and the same with a margin for the choice of questions. */
export interface RateThreshold {
  readonly rate: number;
  /** What these very scores say: too low for others, because it was chosen on them. */
  readonly without_margin: number;
  /** The upper end of its 95 % interval over resampled groups: the one to use. */
  readonly threshold: number;
}

/**
 * A threshold on out-of-fold scores with a margin: whole groups are drawn anew, and the 97.5 % quantile of the thresholds that
 * result is taken. On the data that a model was fitted on, a threshold for 5 % answered 19 % of new groups.
 * @param draws weights of all items per resample (`resamples`)
 */
export function rateThreshold(
  items: readonly Scored[],
  draws: readonly ArrayLike<number>[],
  rate: number,
): RateThreshold {
  const places = items.flatMap((item, at) => (item.answerable ? [] : [at]));
  const scores = places.map((at) => items[at]?.score ?? Number.NaN);
  const of = (weights: (at: number) => number) => thresholdAtRate(scores, places.map(weights), rate);
  const drawn = draws
    .filter((weights) => places.some((at) => (weights[at] ?? 0) > 0))
    .map((weights) => of((at) => weights[at] ?? 0));
  const plain = of(() => 1);
  const upper = drawn.length === 0 ? plain : quantile(drawn, 0.975);
  return { rate, without_margin: plain, threshold: Math.min(1, Math.ceil(Math.max(plain, upper) * 1e6 - 1e-6) / 1e6) };
}

/**
 * The split-conformal threshold (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Angelopoulos and
 * Bates, 2023): just above the ⌈(n+1)(1−α)⌉-th smallest confidence of the n unanswerable calibration questions. A new
 * unanswerable question that is exchangeable with them is answered with probability at most α.
 * @returns `null` when n is too small for α (fewer than 1/α − 1): then no threshold has the guarantee
 * @throws CalibrationError `bad-setting` for an α that is not strictly between 0 and 1
 */
export function conformalThreshold(unanswerable: readonly number[], alpha: number): number | null {
  if (!(alpha > 0 && alpha < 1)) throw new CalibrationError("bad-setting", "α lies strictly between 0 and 1");
  const place = Math.ceil((unanswerable.length + 1) * (1 - alpha) - 1e-9);
  const score = unanswerable.toSorted((a, b) => a - b)[place - 1];
  return score === undefined ? null : Math.min(1 + step, above(score));
}

/** Exact 95 % band of a binomial share: what `trials` independent questions give when each is answered with probability `p`. */
export function binomialBand(trials: number, p: number): { readonly low: number; readonly high: number } {
  // Logarithms: a single term of a thousand trials is below the smallest number.
  let term = trials * Math.log1p(-p);
  let cumulative = 0;
  let low = 0;
  let high = trials;
  let lowFound = false;
  for (let k = 0; k <= trials; k++) {
    if (k > 0) term += Math.log((trials - k + 1) / k) + Math.log(p) - Math.log1p(-p);
    cumulative += Math.exp(term);
    if (!lowFound && cumulative >= 0.025) {
      low = k;
      lowFound = true;
    }
    if (cumulative >= 0.975) {
      high = k;
      break;
    }
  }
  return { low: low / trials, high: high / trials };
}

/** What a conformal threshold came to on folds that had no part in it. */
export interface RealisedRate {
  readonly unanswerable: number;
  /** Share of the unanswerable questions that were answered, each at the threshold taken on the other folds. */
  readonly answered_unanswerable: number;
  readonly answered_answerable: number;
}

/** Takes the threshold on all folds but one and applies it to that one, for each of them. */
export function realisedRate(items: readonly Scored[], folds: Folds, alpha: number): RealisedRate | null {
  let wrong = 0;
  let right = 0;
  for (let fold = 0; fold < folds.count; fold++) {
    const others = items.filter((item, at) => !item.answerable && folds.of[at] !== fold).map((item) => item.score);
    const threshold = conformalThreshold(others, alpha);
    if (threshold === null) return null;
    items.forEach((item, at) => {
      if (folds.of[at] !== fold || !(item.score >= threshold)) return;
      if (item.answerable) right++;
      else wrong++;
    });
  }
  const unanswerable = items.filter((item) => !item.answerable).length;
  return {
    unanswerable,
    answered_unanswerable: wrong / unanswerable,
    answered_answerable: right / (items.length - unanswerable),
  };
}
