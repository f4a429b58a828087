import { byFallingScore, type Scored, type Statistic, type Weights } from "./metrics.ts";

// Every figure here lets answerable and unanswerable questions weigh 1:1, whatever their numbers: confidences are fitted so, and a
// figure must not change because a set holds more questions of one kind.

const smallest = 1e-12;

/** Mean over both classes of a value, each class with weight one half; NaN when one of them is absent. */
function balancedMean(items: readonly Scored[], value: (item: Scored) => number): Statistic {
  const values = items.map(value);
  return (weights) => {
    const sums = [0, 0];
    const totals = [0, 0];
    items.forEach(({ answerable }, at) => {
      const weight = weights[at] ?? 0;
      if (weight === 0) return;
      sums[Number(answerable)] = (sums[Number(answerable)] ?? 0) + weight * (values[at] ?? Number.NaN);
      totals[Number(answerable)] = (totals[Number(answerable)] ?? 0) + weight;
    });
    return ((sums[0] ?? 0) / (totals[0] ?? 0) + (sums[1] ?? 0) / (totals[1] ?? 0)) / 2;
  };
}

/** Mean squared difference of confidence and truth, 0 … 1, lower is better (Brier, Monthly Weather Review 78, 1950). */
export function brierScore(items: readonly Scored[]): Statistic {
  return balancedMean(items, ({ score, answerable }) => (score - Number(answerable)) ** 2);
}

/** Mean negative logarithm of the probability that was given to the truth, ≥ 0, lower is better. */
export function logLoss(items: readonly Scored[]): Statistic {
  return balancedMean(items, ({ score, answerable }) => {
    const given = answerable ? score : 1 - score;
    return -Math.log(Math.min(1, Math.max(smallest, given)));
  });
}

/** One bar of a reliability diagram. `null` where nothing falls into it. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  /** Share of all questions, both classes 1:1. */
  readonly mass: number;
  readonly confidence: number | null;
  /** Share of answerable questions, both classes 1:1. */
  readonly answerable: number | null;
}

/** A reliability diagram in ten bins of equal width (Niculescu-Mizil and Caruana, ICML 2005). */
export function reliability(items: readonly Scored[], weights: Weights, bins = 10): readonly ReliabilityBin[] {
  const share = classShares(items, weights);
  const mass = new Float64Array(bins);
  const confidence = new Float64Array(bins);
  const right = new Float64Array(bins);
  items.forEach(({ score, answerable }, at) => {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(score * bins)));
    const part = share(at);
    mass[bin] = (mass[bin] ?? 0) + part;
    confidence[bin] = (confidence[bin] ?? 0) + part * score;
    if (answerable) right[bin] = (right[bin] ?? 0) + part;
  });
  return Array.from(mass, (held, bin) => ({
    from: bin / bins,
    to: (bin + 1) / bins,
    mass: held,
    confidence: held > 0 ? (confidence[bin] ?? 0) / held : null,
    answerable: held > 0 ? (right[bin] ?? 0) / held : null,
  }));
}

/** Expected calibration error: mean distance of confidence and truth over the bins (Naeini et al., AAAI 2015). */
export function expectedCalibrationError(items: readonly Scored[]): Statistic {
  return (weights) =>
    reliability(items, weights).reduce(
      (sum, bin) => sum + bin.mass * Math.abs((bin.confidence ?? 0) - (bin.answerable ?? 0)),
      0,
    );
}

/** Each question's share of the whole, both classes together one half each; NaN when one of them is absent. */
function classShares(items: readonly Scored[], weights: Weights): (at: number) => number {
  const totals = [0, 0];
  items.forEach(({ answerable }, at) => {
    totals[Number(answerable)] = (totals[Number(answerable)] ?? 0) + (weights[at] ?? 0);
  });
  const missing = totals.some((total) => total === 0);
  return (at) => (missing ? Number.NaN : (weights[at] ?? 0) / (totals[Number(items[at]?.answerable)] ?? 0) / 2);
}

/** A point of the risk-coverage curve: at this threshold this share is answered, and this share of the answers is wrong. */
export interface RiskCoveragePoint {
  readonly threshold: number;
  readonly coverage: number;
  readonly risk: number;
}

/**
 * The risk-coverage curve, from the highest confidence down (El-Yaniv and Wiener, JMLR 11, 2010). An answer to an unanswerable
 * question is wrong; whether the right passage leads is not judged here.
 */
export function riskCoverage(items: readonly Scored[], weights: Weights): readonly RiskCoveragePoint[] {
  const share = classShares(items, weights);
  let coverage = 0;
  let wrong = 0;
  return byFallingScore(items).map((run) => {
    for (const at of run) {
      coverage += share(at);
      if (!items[at]?.answerable) wrong += share(at);
    }
    return { threshold: items[run[0] ?? 0]?.score ?? 0, coverage, risk: coverage > 0 ? wrong / coverage : 0 };
  });
}

/** Area under the risk-coverage curve, 0 … 1, lower is better (Geifman and El-Yaniv, NeurIPS 2017). */
export function areaUnderRiskCoverage(items: readonly Scored[]): Statistic {
  const runs = byFallingScore(items);
  return (weights) => {
    const share = classShares(items, weights);
    let covered = 0;
    let wrong = 0;
    let area = 0;
    for (const run of runs) {
      let part = 0;
      for (const at of run) {
        part += share(at);
        if (!items[at]?.answerable) wrong += share(at);
      }
      covered += part;
      if (part > 0) area += part * (wrong / covered);
    }
    return covered > 0 ? area : Number.NaN;
  };
}

/** Share of the questions of one class that are answered at a threshold; a NaN is never answered. */
export function answeredShare(items: readonly Scored[], answerable: boolean, threshold: number): Statistic {
  return (weights) => {
    let answered = 0;
    let total = 0;
    items.forEach((item, at) => {
      if (item.answerable !== answerable) return;
      const weight = weights[at] ?? 0;
      total += weight;
      if (item.score >= threshold) answered += weight;
    });
    return total === 0 ? Number.NaN : answered / total;
  };
}
