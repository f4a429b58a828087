import { type Estimate, resamples } from "#core/calibration/bootstrap.ts";
import { drawSeed, draws } from "#core/calibration/figures.ts";
import { ones, quantile, type Statistic } from "#core/calibration/metrics.ts";

/** Resamples of the questions of each set, by whole groups; each set has draws of its own. */
export function drawsOf(
  sets: readonly (readonly { readonly group: string }[])[],
): readonly (readonly Float64Array[])[] {
  return sets.map((samples, at) =>
    resamples(
      samples.map(({ group }) => group),
      draws,
      drawSeed + at,
    ),
  );
}

/** A figure of each set, and what it was in each resample. */
export interface Resampled {
  readonly values: readonly number[];
  readonly drawn: readonly (readonly number[])[];
}

/** Computes a figure on all sets and all resamples. @param statistics one per set; @param drawn of {@link drawsOf} */
export function resampled(statistics: readonly Statistic[], drawn: readonly (readonly Float64Array[])[]): Resampled {
  return {
    values: statistics.map((statistic, set) => statistic(ones(Array.from(drawn[set]?.[0] ?? [])))),
    drawn: statistics.map((statistic, set) => (drawn[set] ?? []).map(statistic)),
  };
}

/** One figure over several sets, with 95 % bootstrap intervals. */
export interface OverSets {
  /** By set, in their order. */
  readonly sets: readonly Estimate[];
  /** Mean over the sets, each with the same weight. */
  readonly mean: Estimate;
  /** Mean difference to another row, this minus that, on the same resamples; `null` without one. */
  readonly difference: Estimate | null;
}

/** Sums up a figure. @param other the row to compare with, on the same sets and draws */
export function overSets(own: Resampled, other: Resampled | null): OverSets {
  const less = (a: number | undefined, b: number | undefined) => (a ?? Number.NaN) - (b ?? Number.NaN);
  const mean = ({ values, drawn }: Resampled): Estimate => estimated(meanOf(values), transposed(drawn).map(meanOf));
  return {
    sets: own.values.map((value, set) => estimated(value, own.drawn[set] ?? [])),
    mean: mean(own),
    difference:
      other === null
        ? null
        : mean({
            values: own.values.map((value, set) => less(value, other.values[set])),
            drawn: own.drawn.map((list, set) => list.map((value, at) => less(value, other.drawn[set]?.[at]))),
          }),
  };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** By resample what is by set. */
function transposed(drawn: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return (drawn[0] ?? []).map((_, at) => drawn.map((list) => list[at] ?? Number.NaN));
}

/** A value and the percentile interval of the resamples in which it is defined; four decimals. */
function estimated(value: number, drawn: readonly number[]): Estimate {
  const defined = drawn.filter(Number.isFinite);
  const round4 = (figure: number) => (Number.isFinite(figure) ? Math.round(figure * 1e4) / 1e4 : null);
  return { value: round4(value), low: round4(quantile(defined, 0.025)), high: round4(quantile(defined, 0.975)) };
}
