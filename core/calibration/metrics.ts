/** A confidence, and whether there was something to be confident of. */
export interface Scored {
  /** Confidence of the response, 0 … 1. */
  readonly score: number;
  /** True when an answer exists (for this caller). */
  readonly answerable: boolean;
}

/** What is known about one answer: how sure the service was, and how its ranking did. */
export interface Judged extends Scored {
  /** What the service said at its shipped thresholds. */
  readonly answered: boolean;
  /** Ranked document ids without repeats, best first. */
  readonly hits: readonly string[];
  /** Ids of the relevant documents; empty when there is none. */
  readonly relevant: readonly string[];
  /** Judgements with the same key are resampled together. */
  readonly cluster: string;
}

/** How often each item counts; the same length as the items. A bootstrap draw is a list of weights. */
export type Weights = ArrayLike<number>;

/** A figure over weighted items; NaN when it is not defined for them (no item of a class that it needs). */
export type Statistic = (weights: Weights) => number;

/** Weight 1 for each item: the figure of the sample itself. */
export function ones(items: readonly unknown[]): Weights {
  return new Float64Array(items.length).fill(1);
}

/** Share of the relevant documents among the first `k`; NaN without relevant documents. */
export function recallAt(k: number, hits: readonly string[], relevant: readonly string[]): number {
  if (relevant.length === 0) return Number.NaN;
  const wanted = new Set(relevant);
  return hits.slice(0, k).filter((id) => wanted.has(id)).length / wanted.size;
}

/** 1 when the first document is relevant, else 0. */
export function successAt1(hits: readonly string[], relevant: readonly string[]): number {
  return hits[0] !== undefined && relevant.includes(hits[0]) ? 1 : 0;
}

/** Reciprocal rank of the first relevant document among the first `k`; 0 when there is none (Voorhees, TREC-8, 1999). */
export function reciprocalRankAt(k: number, hits: readonly string[], relevant: readonly string[]): number {
  const rank = hits.slice(0, k).findIndex((id) => relevant.includes(id));
  return rank < 0 ? 0 : 1 / (rank + 1);
}

/**
 * Normalised discounted cumulative gain among the first `k` with gain 1 or 0 and discount log2(rank + 1)
 * (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, with the discount of Burges et al., ICML 2005). NaN without relevant documents.
 */
export function ndcgAt(k: number, hits: readonly string[], relevant: readonly string[]): number {
  const wanted = new Set(relevant);
  if (wanted.size === 0) return Number.NaN;
  const gain = (rank: number) => 1 / Math.log2(rank + 2);
  let found = 0;
  for (const [rank, id] of hits.slice(0, k).entries()) if (wanted.has(id)) found += gain(rank);
  let best = 0;
  for (let rank = 0; rank < Math.min(k, wanted.size); rank++) best += gain(rank);
  return found / best;
}

/** Weighted mean of a value over the items for which it is defined. */
export function meanOf<T>(items: readonly T[], value: (item: T) => number): Statistic {
  const values = items.map(value);
  return (weights) => {
    let sum = 0;
    let total = 0;
    for (const [at, one] of values.entries()) {
      const weight = weights[at] ?? 0;
      if (weight === 0 || Number.isNaN(one)) continue;
      sum += weight * one;
      total += weight;
    }
    return total === 0 ? Number.NaN : sum / total;
  };
}

/** Positions of the items by falling score, in runs of equal score: every figure over thresholds walks these runs once. */
export function byFallingScore(items: readonly Scored[]): readonly (readonly number[])[] {
  const order = items.map((_, at) => at).toSorted((a, b) => (items[b]?.score ?? 0) - (items[a]?.score ?? 0));
  const runs: number[][] = [];
  for (const at of order) {
    const run = runs.at(-1);
    const first = run?.[0];
    if (run !== undefined && first !== undefined && items[first]?.score === items[at]?.score) run.push(at);
    else runs.push([at]);
  }
  return runs;
}

/**
 * Area under the ROC curve of the confidence, answerable against unanswerable: the probability that a random answerable item
 * scores above a random unanswerable one, ties counted half (the Mann-Whitney statistic; Hanley and McNeil, Radiology 143, 1982).
 */
export function auroc(items: readonly Scored[]): Statistic {
  const runs = byFallingScore(items);
  return (weights) => {
    let above = 0;
    let wins = 0;
    let negatives = 0;
    for (const run of runs) {
      let positive = 0;
      let negative = 0;
      for (const at of run) {
        if (items[at]?.answerable) positive += weights[at] ?? 0;
        else negative += weights[at] ?? 0;
      }
      wins += negative * (above + positive / 2);
      above += positive;
      negatives += negative;
    }
    return above === 0 || negatives === 0 ? Number.NaN : wins / (above * negatives);
  };
}

/**
 * Share of the answerable items that are answered at the lowest threshold at which at most `rate` of the unanswerable ones are
 * (one point of the ROC curve: the true positive rate at a bounded false positive rate, without interpolation).
 */
export function answeredAtFalseAnswerRate(items: readonly Scored[], rate: number): Statistic {
  const runs = byFallingScore(items);
  return (weights) => {
    let positives = 0;
    let negatives = 0;
    for (const [at, item] of items.entries()) {
      if (item.answerable) positives += weights[at] ?? 0;
      else negatives += weights[at] ?? 0;
    }
    if (positives === 0 || negatives === 0) return Number.NaN;
    let answered = 0;
    let wrong = 0;
    for (const run of runs) {
      let positive = 0;
      for (const at of run) {
        if (items[at]?.answerable) positive += weights[at] ?? 0;
        else wrong += weights[at] ?? 0;
      }
      // A run of equal scores is answered as a whole or not at all. The small slack keeps 0.05 · 20 = 1 allowed.
      if (wrong > rate * negatives + 1e-9) break;
      answered += positive;
    }
    return answered / positives;
  };
}

/**
 * Share of the answerable items that are answered with a relevant document among the first five, at the best threshold whose
 * selective risk is at most `risk`. Answerable and unanswerable items weigh 1:1 in the risk, so that a perfect service has
 * yield 1. (Selective risk: El-Yaniv and Wiener, JMLR 11, 2010.)
 */
export function yieldAtRisk(items: readonly Judged[], risk: number): Statistic {
  const runs = byFallingScore(items);
  const good = items.map((item) => item.answerable && recallAt(5, item.hits, item.relevant) > 0);
  return (weights) => {
    let positives = 0;
    let negatives = 0;
    for (const [at, item] of items.entries()) {
      if (item.answerable) positives += weights[at] ?? 0;
      else negatives += weights[at] ?? 0;
    }
    if (positives === 0 || negatives === 0) return Number.NaN;
    let best = 0;
    let right = 0;
    let wrong = 0;
    for (const run of runs) {
      for (const at of run) {
        const share = (weights[at] ?? 0) / (items[at]?.answerable ? positives : negatives);
        if (good[at]) right += share;
        else wrong += share;
      }
      if (wrong <= risk * (right + wrong) + 1e-12) best = Math.max(best, right);
    }
    return best;
  };
}

/**
 * Share of the unanswerable items that are answered at the highest threshold at which at least `rate` of the answerable ones are
 * (one point of the ROC curve: the false positive rate at a true positive rate, without interpolation).
 */
export function falseAnswersAtAnsweredRate(items: readonly Judged[], rate: number): Statistic {
  const runs = byFallingScore(items);
  return (weights) => {
    const { positives, negatives } = classWeights(items, weights);
    if (positives === 0 || negatives === 0) return Number.NaN;
    let answered = 0;
    let wrong = 0;
    for (const run of runs) {
      for (const at of run) {
        if (items[at]?.answerable) answered += weights[at] ?? 0;
        else wrong += weights[at] ?? 0;
      }
      if (answered >= rate * positives - 1e-9) break;
    }
    return wrong / negatives;
  };
}

/** Weight of the answerable and of the unanswerable items. */
export function classWeights(items: readonly Judged[], weights: Weights): { positives: number; negatives: number } {
  let positives = 0;
  let negatives = 0;
  for (const [at, item] of items.entries()) {
    if (item.answerable) positives += weights[at] ?? 0;
    else negatives += weights[at] ?? 0;
  }
  return { positives, negatives };
}

/** Share of the unanswerable items that the service answered at its shipped thresholds. */
export function falseAnswerRate(items: readonly Judged[]): Statistic {
  return meanOf(items, (item) => (item.answerable ? Number.NaN : Number(item.answered)));
}

/** Share of the answerable items on which the service abstained at its shipped thresholds. */
export function falseAbstentionRate(items: readonly Judged[]): Statistic {
  return meanOf(items, (item) => (item.answerable ? Number(!item.answered) : Number.NaN));
}

/**
 * A quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, The American Statistician 50, 1996).
 * @param q 0 … 1
 * @returns NaN for an empty list.
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) return Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
