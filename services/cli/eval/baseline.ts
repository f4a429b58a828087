import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { resamples, seededRandom } from "#core/calibration/bootstrap.ts";
import { ones, quantile } from "#core/calibration/metrics.ts";
import { UsageError } from "../terminal.ts";
import type { EvalReport } from "./eval-report.ts";
import type { Item } from "./figures.ts";
import { type MetricName, metricNames, metrics } from "./metric-list.ts";
import { itemOfStored, type StoredItem, storedItemSchema } from "./stored-items.ts";

/** What became of a figure: `dropped` by more than its noise fails the run. */
export type Verdict = "dropped" | "improved" | "same";

/** One figure of two runs. */
export interface Compared {
  readonly list: "queries" | "pairs";
  readonly metric: MetricName;
  readonly before: number;
  readonly after: number;
  /** Interval of after − before over the resamples, at the level that all comparisons together need; not ordered by better or worse. */
  readonly low: number | null;
  readonly high: number | null;
  /** How often a change as large comes about by chance alone; only where the interval excludes zero for the worse. */
  readonly p: number | null;
  readonly verdict: Verdict;
}

/** An earlier run held against this one. */
export interface Comparison {
  readonly model: string | null;
  /** `paired`: query by query; `unpaired`: the earlier report kept no values, so only its intervals are known. */
  readonly method: "paired" | "unpaired";
  readonly metrics: readonly Compared[];
}

const estimateSchema = z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable().catch(null);
const figuresSchema = z.looseObject({ items: z.number(), answerable: z.number() });
const reportSchema = z.object({
  set: z.string(),
  split: z.string(),
  service: z.object({ model: z.string() }).nullable(),
  superseded: z.unknown(),
  queries: z.record(z.string(), figuresSchema),
  pairs: z.record(z.string(), figuresSchema).nullable(),
  values: z.object({ queries: z.array(storedItemSchema), pairs: z.array(storedItemSchema).nullable() }).optional(),
});
/** What is read of an earlier report. */
export type Baseline = z.infer<typeof reportSchema>;

/** What is read of this run's report. */
export type ThisRun = Pick<EvalReport, "set" | "split" | "superseded" | "queries" | "pairs" | "values">;

/**
 * The report that `--baseline` names: the file itself, or in a folder the one of the model that answered, so that a set can keep one for
 * each model.
 * @throws UsageError when the folder has none for this model.
 */
export function baselineFor(given: string, model: string | undefined): string {
  if (statSync(given, { throwIfNoEntry: false })?.isDirectory() !== true) return given;
  const file = join(given, `baseline.${(model ?? "none").replaceAll(/[^A-Za-z0-9._-]/g, "-")}.json`);
  if (existsSync(file)) return file;
  throw new UsageError(`--baseline: there is no ${file}; reticent eval --json writes one`);
}

/** Reads an earlier `--json` report. @throws UsageError when it is none. */
export function readBaseline(file: string): Baseline {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new UsageError(`--baseline: ${file} is not a report of reticent eval --json`, { cause });
  }
}

const another = (file: string, what: string, a: string, b: string) =>
  new UsageError(`--baseline: ${file} is of another ${what}: ${a}, not ${b}`);

/** Whether an earlier run was of the same set and split. @throws UsageError when it was not */
export function checkSameSet(before: Baseline, now: Pick<ThisRun, "set" | "split">, file: string): void {
  if (before.set !== now.set) throw another(file, "set", before.set, now.set);
  if (before.split !== now.split) throw another(file, "split", before.split, now.split);
}

/**
 * Whether an earlier run asked the same.
 * @throws UsageError for another set, split, corpus or list of queries, or for other judgements of them.
 */
export function checkComparable(before: Baseline, now: ThisRun, file: string): void {
  checkSameSet(before, now, file);
  const differ = (what: string, a: string, b: string) => another(file, what, a, b);
  const withOld = (superseded: unknown) =>
    superseded === null ? "without superseded versions" : "with superseded ones";
  if (withOld(before.superseded) !== withOld(now.superseded)) {
    throw differ("corpus", withOld(before.superseded), withOld(now.superseded));
  }
  for (const list of ["queries", "pairs"] as const) {
    const [old, own] = [before[list]?.[now.split], now[list]?.[now.split]];
    if (old?.items !== own?.items || old?.answerable !== own?.answerable) {
      const shown = (one: { items: number; answerable: number } | undefined) =>
        one === undefined ? "none" : `${one.items}, ${one.answerable} answerable`;
      throw differ(`list of ${list}`, shown(old), shown(own));
    }
    const judgements = (items: readonly StoredItem[] | null | undefined) =>
      (items ?? []).map(([query, user, , , answerable, , , relevant]) =>
        JSON.stringify([query, user, answerable, relevant]),
      );
    if (before.values === undefined) continue;
    const known = new Set(judgements(before.values[list]));
    const other = judgements(now.values[list]).find((one) => !known.has(one));
    if (other !== undefined) throw differ(`list of ${list}`, `without ${other}`, "this one");
  }
}

/** Most runs in a hundred without any real change that may be told as a drop, over all figures together. */
const falseAlarms = 0.05;
const draws = 2_000;
const swaps = 1_999;
const seed = 20_261_121;

/**
 * Holds a run against an earlier one of the same queries. A figure dropped when both say so:
 * - **noise**: the paired bootstrap. Queries are drawn with repetition, the same ones for both runs (users of one query together);
 *   the one-sided interval of the difference, at α / m, lies on the wrong side of zero (Efron and Tibshirani, 1993, chapter 16);
 * - **false alarms**: the paired randomisation test (Smucker, Allan and Carterette, CIKM 2007). The two answers to a query change
 *   places by a coin, and at most a share α / m of such changes is as bad. This test is exact for runs that differ by chance alone, so
 *   with α = 0.05 shared by the m figures (Bonferroni) at most 5 % of such runs fail on any figure.
 */
export function compare(before: Baseline, now: ThisRun): Comparison {
  const lists = (["queries", "pairs"] as const).filter((list) => now[list] !== null);
  const level = falseAlarms / (lists.length * metricNames.length);
  const method = before.values === undefined ? "unpaired" : "paired";
  return {
    model: before.service?.model ?? null,
    method,
    metrics: lists.flatMap((list) => {
      const old = before.values?.[list];
      return old === undefined || old === null
        ? unpaired(list, before, now, level)
        : paired(list, old, now.values[list] ?? [], level);
    }),
  };
}

function paired(
  list: Compared["list"],
  old: readonly StoredItem[],
  own: readonly StoredItem[],
  level: number,
): readonly Compared[] {
  const key = ([query, user]: StoredItem) => JSON.stringify([query, user]);
  const oldByKey = new Map(old.map((item) => [key(item), item]));
  const after = own.map(itemOfStored);
  const before = own.map((item) => itemOfStored(oldByKey.get(key(item)) ?? item));
  const drawn = resamples(
    after.map(({ query }) => query),
    draws,
    seed,
  );
  return metricNames.flatMap((name): readonly Compared[] => {
    const [was, is] = [metrics[name].statistic(before), metrics[name].statistic(after)];
    const [oldValue, value] = [was(ones(after)), is(ones(after))];
    if (!Number.isFinite(oldValue) || !Number.isFinite(value)) return [];
    const differences = drawn.map((weights) => is(weights) - was(weights)).filter(Number.isFinite);
    const [low, high] = [quantile(differences, level), quantile(differences, 1 - level)];
    const worse = metrics[name].better === "higher" ? high < 0 : low > 0;
    const better = metrics[name].better === "higher" ? low > 0 : high < 0;
    const p = worse ? randomised(name, before, after) : null;
    const verdict = p !== null && p <= level ? "dropped" : better ? "improved" : "same";
    return [{ list, metric: name, before: oldValue, after: value, low: orNull(low), high: orNull(high), p, verdict }];
  });
}

const orNull = (value: number) => (Number.isFinite(value) ? value : null);

/** The share of random exchanges of the two answers to each query that make the figure at least as much worse. */
export function randomised(name: MetricName, before: readonly Item[], after: readonly Item[]): number {
  const { better, statistic } = metrics[name];
  const sign = better === "higher" ? 1 : -1;
  const even = ones(after);
  const loss = (was: readonly Item[], is: readonly Item[]) => sign * (statistic(was)(even) - statistic(is)(even));
  const found = loss(before, after);
  const clusters = [...new Set(after.map(({ query }) => query))];
  const random = seededRandom(seed + 1);
  // The exchange that was found counts as one of them, which keeps the test exact with any number of draws.
  let asBad = 1;
  for (let at = 0; at < swaps; at++) {
    const swapped = new Set(clusters.filter(() => random() < 0.5));
    const pick = (one: readonly Item[], other: readonly Item[]) =>
      one.map((item, index) => (swapped.has(item.query) ? (other[index] ?? item) : item));
    if (loss(pick(before, after), pick(after, before)) >= found - 1e-12) asBad++;
    // Enough to know that it is no drop: large sets need not be walked ten thousand times for that.
    if (asBad / (swaps + 1) > falseAlarms) return asBad / (at + 2);
  }
  return asBad / (swaps + 1);
}

/** Two independent runs as far as anybody knows: the widths of both intervals make the noise. */
function unpaired(list: Compared["list"], before: Baseline, now: ThisRun, level: number): readonly Compared[] {
  return metricNames.flatMap((name): readonly Compared[] => {
    const old = estimateSchema.parse(before[list]?.[now.split]?.[name]);
    const own = estimateSchema.parse(now[list]?.[now.split]?.[name]);
    if (old === null || own === null) return [];
    const error = (one: { low: number; high: number }) => (one.high - one.low) / (2 * 1.96);
    const noise = normalQuantile(level) * Math.hypot(error(old), error(own));
    const change = own.value - old.value;
    const gain = metrics[name].better === "higher" ? change : -change;
    return [
      {
        list,
        metric: name,
        before: old.value,
        after: own.value,
        low: change - noise,
        high: change + noise,
        p: null,
        verdict: gain < -noise ? "dropped" : gain > noise ? "improved" : "same",
      },
    ];
  });
}

/** The z with which a share `tail` of a normal distribution lies above it, by bisection of the Abramowitz and Stegun 26.2.17 tail. */
function normalQuantile(tail: number): number {
  const above = (at: number) => {
    const t = 1 / (1 + 0.2316419 * at);
    const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return (Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI)) * sum;
  };
  let [low, high] = [0, 10];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (above(middle) > tail) low = middle;
    else high = middle;
  }
  return high;
}

/** One line per figure that changed by more than its noise, dropped ones first. */
export function comparisonLines({ metrics: all }: Comparison): readonly string[] {
  const line = ({ list, metric, before, after, verdict, p }: Compared) =>
    `${verdict}: ${metrics[metric].title}${list === "pairs" ? " (users and queries)" : ""} ${before.toFixed(4)} -> ${after.toFixed(4)}${
      p === null ? "" : ` (p ${p.toFixed(4)})`
    }`;
  return (["dropped", "improved"] as const).flatMap((verdict) =>
    all.filter((one) => one.verdict === verdict).map(line),
  );
}
