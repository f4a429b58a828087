import { CalibrationError } from "./error.ts";
import { fitLogistic, sigmoid } from "./logistic.ts";
import { balancedWeights, constantFeatures, type FeatureValues, type Sample } from "./sample.ts";

/** One feature of a model: how it is standardised, and what it weighs. */
export interface FeatureTerm {
  readonly name: string;
  readonly mean: number;
  /** Standard deviation in the fit, > 0. */
  readonly scale: number;
  readonly weight: number;
}

/** A logistic model over named features; what a calibration file holds. */
export interface LinearModel {
  readonly bias: number;
  readonly features: readonly FeatureTerm[];
}

/** How a model is fitted. */
export interface FitSettings {
  /** C of the L2 penalty, > 0: smaller is stronger. About .003 transfers best between corpora. */
  readonly regularisation: number;
  /** Whether both classes, and each set within them, weigh the same; otherwise each question does. */
  readonly balanced: boolean;
  /** What to do about a feature that never changes: `refuse` it, or (in a part of the data) give it no `weight`. */
  readonly constant?: "refuse" | "no-weight";
}

/** Standardised values are held within this many scales: an outlier cannot run off with the confidence. */
export const clampScales = 6;

/**
 * Nine significant digits: more than the data say, few enough that the last bits of a platform's `exp` never show in a file.
 */
export const nineDigits = (value: number): number => Number(value.toPrecision(9));

/**
 * Standardises the features and fits a logistic regression.
 * @param names features of every sample (see `commonFeatures`)
 * @throws CalibrationError
 */
export function fitModel(samples: readonly Sample[], names: readonly string[], settings: FitSettings): LinearModel {
  const constant = constantFeatures(samples, names);
  if (constant.length > 0 && settings.constant !== "no-weight") {
    throw new CalibrationError("constant-feature", `always the same value: ${constant.join(", ")}`);
  }
  const weights = settings.balanced ? balancedWeights(samples) : new Float64Array(samples.length).fill(1);
  const scaling = names.map((name) => scalingOf(samples, name, weights));
  const rows = samples.map(({ features }) =>
    Float64Array.from(scaling, (term) => standardised(term, features[term.name])),
  );
  const fit = fitLogistic({
    rows,
    labels: samples.map((sample) => Number(sample.answerable)),
    weights,
    regularisation: settings.regularisation,
  });
  return {
    bias: nineDigits(fit.bias),
    features: scaling.map((term, at) => ({ ...term, weight: nineDigits(fit.weights[at] ?? 0) })),
  };
}

function scalingOf(samples: readonly Sample[], name: string, weights: Float64Array): Omit<FeatureTerm, "weight"> {
  let total = 0;
  let mean = 0;
  samples.forEach(({ features }, at) => {
    const weight = weights[at] ?? 0;
    total += weight;
    mean += weight * (features[name] ?? Number.NaN);
  });
  mean /= total;
  let variance = 0;
  samples.forEach(({ features }, at) => {
    variance += (weights[at] ?? 0) * ((features[name] ?? Number.NaN) - mean) ** 2;
  });
  const scale = Math.sqrt(variance / total);
  // A difference below the precision of the numbers is none.
  const usable = scale > 1e-9 * Math.max(1, Math.abs(mean)) || Number.isNaN(scale);
  return { name, mean: nineDigits(mean), scale: usable ? nineDigits(scale) : 1 };
}

/** (value − mean) / scale, held within ±{@link clampScales}; NaN for a value that is absent or not finite. */
function standardised({ mean, scale }: Omit<FeatureTerm, "weight">, value: number | undefined): number {
  if (value === undefined || !Number.isFinite(value)) return Number.NaN;
  return Math.min(clampScales, Math.max(-clampScales, (value - mean) / scale));
}

/**
 * The model's probability that the question is answerable, 0 … 1; NaN when a feature is absent or not finite, so that whatever it
 * is compared with fails.
 */
export function probability(model: LinearModel, features: FeatureValues): number {
  return sigmoid(logOdds(model, features));
}

/** The log odds behind {@link probability}. */
export function logOdds(model: LinearModel, features: FeatureValues): number {
  let sum = model.bias;
  for (const term of model.features) sum += term.weight * standardised(term, features[term.name]);
  return sum;
}
