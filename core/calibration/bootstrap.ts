import { ones, quantile, type Statistic } from "./metrics.ts";

/** A figure with its 95 % interval. `null` where the figure is not defined for the items. */
export interface Estimate {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * A small generator of uniform numbers in [0, 1): mulberry32, whose 32-bit state makes a run repeatable. It draws resamples,
 * nothing secret.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One list of weights per resample, drawn by cluster; made once and used for every figure over the same items. */
export function resamples(clusters: readonly string[], draws: number, seed: number): readonly Float64Array[] {
  const numbers = new Map<string, number>();
  const clusterOf = clusters.map((name) => {
    const known = numbers.get(name) ?? numbers.size;
    numbers.set(name, known);
    return known;
  });
  const random = seededRandom(seed);
  return Array.from({ length: clusters.length === 0 ? 0 : draws }, () => {
    const counts = new Float64Array(numbers.size);
    for (let drawn = 0; drawn < numbers.size; drawn++) {
      const picked = Math.floor(random() * numbers.size);
      counts[picked] = (counts[picked] ?? 0) + 1;
    }
    return Float64Array.from(clusterOf, (cluster) => counts[cluster] ?? 0);
  });
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

/**
 * The figure and its 95 % percentile interval (Efron, Annals of Statistics 7, 1979): the 2.5 % and 97.5 % quantiles of the
 * figure over the resamples in which it is defined.
 */
export function estimate(statistic: Statistic, items: readonly unknown[], draws: readonly Float64Array[]): Estimate {
  const value = finite(statistic(ones(items)));
  const drawn = value === null ? [] : draws.map(statistic).filter(Number.isFinite);
  return { value, low: finite(quantile(drawn, 0.025)), high: finite(quantile(drawn, 0.975)) };
}
