import { defaultThreshold } from "./figures.ts";
import { type Folds, groupFolds, groupOf, logitsOutOfFold, randomFolds } from "./folds.ts";
import { type FitSettings, fitModel, type LinearModel, nineDigits } from "./linear-model.ts";
import { fitLogistic } from "./logistic.ts";
import { quantile } from "./metrics.ts";
import { balancedWeights, type Sample } from "./sample.ts";

/** How a model is fitted, and whether its log odds are then stretched to what they are worth. */
export interface RescaleSettings extends FitSettings {
  /**
   * A strong penalty presses all probabilities towards one half, the more the fewer questions there are. With this, slope and intercept of
   * the log odds are fitted once more, on log odds that come from models which had not seen the question (Platt, 1999).
   * The order of confidences stays as it was.
   */
  readonly rescale: boolean;
  /**
   * A share, between 0 and 1. Where questions are told apart better than real ones will be, a gap lies between the two kinds, and every place in
   * it is as good for the fit. With this, rescaled log odds are lowered, never raised, until only this share of the answerable questions
   * passes the default threshold out of fold: what is more than that is spent against false answers.
   */
  readonly answering?: number;
}

/** Fits a model, and rescales it where asked. @throws CalibrationError */
export function fitRescaled(
  samples: readonly Sample[],
  names: readonly string[],
  settings: RescaleSettings,
): LinearModel {
  const model = fitModel(samples, names, settings);
  if (!settings.rescale) return model;
  const logits = logitsOutOfFold(samples, foldsFor(samples), (part) =>
    fitModel(part, names, { ...settings, constant: "no-weight" }),
  );
  const { weights, bias } = fitLogistic({
    rows: Array.from(logits, (logit) => Float64Array.of(logit)),
    labels: samples.map((sample) => Number(sample.answerable)),
    weights: settings.balanced ? balancedWeights(samples) : new Float64Array(samples.length).fill(1),
    // Two numbers from many questions need hardly any penalty: enough to settle when the classes do not overlap.
    regularisation: 1,
  });
  const slope = weights[0] ?? 0;
  // A model that ranks no better than chance out of fold is left as flat as it is.
  if (!(slope > 0)) return model;
  const shift = bias - excess();
  return {
    bias: nineDigits(slope * model.bias + shift),
    features: model.features.map((term) => ({ ...term, weight: nineDigits(slope * term.weight) })),
  };

  /** By how much the log odds of the answerable questions lie higher than they have to. */
  function excess(): number {
    if (settings.answering === undefined) return 0;
    const answerable = logits.filter((_, at) => samples[at]?.answerable === true).map((logit) => slope * logit + bias);
    const least = Math.log(defaultThreshold / (1 - defaultThreshold));
    return Math.max(0, quantile(answerable, 1 - settings.answering) - least);
  }
}

/** By group where both kinds lie in two groups or more, else at random: a part of a fold may be small. */
function foldsFor(samples: readonly Sample[]): Folds {
  const groups = (answerable: boolean) =>
    new Set(samples.filter((sample) => sample.answerable === answerable).map(groupOf)).size;
  return groups(true) > 1 && groups(false) > 1 ? groupFolds(samples) : randomFolds(samples, 5);
}
