import {
  byFallingScore,
  classWeights,
  type Judged,
  recallAt,
  type Statistic,
  type Weights,
} from "#core/calibration/metrics.ts";

/** An answer that helps: one exists, and a relevant document is among the first five. */
export const isGood = (item: Judged): boolean => item.answerable && recallAt(5, item.hits, item.relevant) > 0;

/** A point of the risk-coverage curve: what is answered down to one threshold, and the share of it that is wrong; 0 … 1. */
export interface RiskPoint {
  readonly coverage: number;
  readonly risk: number;
}

/**
 * The risk-coverage curve (El-Yaniv and Wiener, JMLR 11, 2010), one point per distinct score, with rising coverage. Wrong is an answer
 * to an unanswerable item, or one without a relevant document among the first five. Answerable and unanswerable items weigh 1:1, so the
 * curve does not depend on how many of each a set happens to have; a perfect service has risk 0 up to coverage 1/2 and ends at risk 1/2.
 * Empty when one of the two classes is missing.
 */
export function riskCoverage(items: readonly Judged[]): (weights: Weights) => readonly RiskPoint[] {
  const runs = byFallingScore(items);
  const good = items.map(isGood);
  return (weights) => {
    const { positives, negatives } = classWeights(items, weights);
    if (positives === 0 || negatives === 0) return [];
    const points: RiskPoint[] = [];
    let covered = 0;
    let wrong = 0;
    for (const run of runs) {
      for (const at of run) {
        const share = (weights[at] ?? 0) / (2 * (items[at]?.answerable ? positives : negatives));
        covered += share;
        if (!good[at]) wrong += share;
      }
      if (covered > 0) points.push({ coverage: covered, risk: wrong / covered });
    }
    return points;
  };
}

/**
 * Area under {@link riskCoverage}: the mean selective risk over all coverages (Geifman and El-Yaniv, NeurIPS 2017), items of equal score
 * taken together. Lower is better; 0.153 is the least there is, because half of the weight cannot be answered.
 */
export function aurc(items: readonly Judged[]): Statistic {
  const curve = riskCoverage(items);
  return (weights) => {
    let area = 0;
    let before = 0;
    const points = curve(weights);
    for (const { coverage, risk } of points) {
      area += (coverage - before) * risk;
      before = coverage;
    }
    return points.length === 0 ? Number.NaN : area;
  };
}

/** Bins of equal width that the reliability of a confidence is read in. */
export const reliabilityBins = 10;

/** One bin of the reliability diagram. */
export interface ReliabilityBin {
  /** Weight of the items in the bin. */
  readonly items: number;
  /** Their mean confidence and the share of answerable ones; 0 … 1, NaN for an empty bin. */
  readonly confidence: number;
  readonly answerable: number;
}

/** Mean confidence against the share of answerable items, in {@link reliabilityBins} bins of equal width. */
export function reliability(items: readonly Judged[]): (weights: Weights) => readonly ReliabilityBin[] {
  const bins = items.map(({ score }) =>
    Math.min(reliabilityBins - 1, Math.max(0, Math.floor(score * reliabilityBins))),
  );
  return (weights) => {
    const total = new Float64Array(reliabilityBins);
    const confidence = new Float64Array(reliabilityBins);
    const answerable = new Float64Array(reliabilityBins);
    for (const [at, item] of items.entries()) {
      const bin = bins[at] ?? 0;
      const weight = weights[at] ?? 0;
      total[bin] = (total[bin] ?? 0) + weight;
      confidence[bin] = (confidence[bin] ?? 0) + weight * item.score;
      if (item.answerable) answerable[bin] = (answerable[bin] ?? 0) + weight;
    }
    return Array.from(total, (sum, bin) => ({
      items: sum,
      confidence: (confidence[bin] ?? 0) / sum,
      answerable: (answerable[bin] ?? 0) / sum,
    }));
  };
}

/**
 * Expected calibration error: the mean distance between confidence and the share of answerable items, over {@link reliability}'s bins,
 * weighted by their items (Naeini, Cooper and Hauskrecht, AAAI 2015). Says something of a calibrated confidence only, and only for
 * questions of which as many are answerable as in the set.
 */
export function expectedCalibrationError(items: readonly Judged[]): Statistic {
  const binned = reliability(items);
  return (weights) => {
    let sum = 0;
    let total = 0;
    for (const bin of binned(weights)) {
      if (bin.items === 0) continue;
      sum += bin.items * Math.abs(bin.confidence - bin.answerable);
      total += bin.items;
    }
    return total === 0 ? Number.NaN : sum / total;
  };
}
