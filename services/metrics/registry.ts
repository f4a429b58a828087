/** Labels of one time series. Only of closed sets: a route, a code, a role; never a tenant, a principal, a document or a text. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A count that only grows. */
export interface Counter {
  add(labels?: Labels, by?: number): void;
}

/** Counts values by upper bounds. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

type Kind = "counter" | "gauge" | "histogram";

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  /** Lines without the metric's own name, which `suffix` follows. */
  samples(): Promise<readonly (Sample & { readonly suffix?: string })[]>;
}

/** The type of the text that {@link Registry.text} gives. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics of one process, written in the text format of Prometheus (version 0.0.4). */
export class Registry {
  readonly #metrics: Metric[] = [];

  /** A counter without labels stands at 0 from the start, so that a first failure is an increase. */
  counter(name: string, help: string, { isLabelled = true } = {}): Counter {
    const counts = new Map<string, { readonly labels: Labels; value: number }>();
    const add = (labels: Labels = {}, by = 1): void => {
      const key = seriesOf(labels);
      const count = counts.get(key);
      if (count === undefined) counts.set(key, { labels, value: by });
      else count.value += by;
    };
    if (!isLabelled) add({}, 0);
    this.#add({ name, help, kind: "counter", samples: async () => [...counts.values()] });
    return { add };
  }

  /** A metric whose values are read when somebody asks. Rejecting, it is left out: a figure that is not known is not 0. */
  read(kind: "gauge" | "counter", name: string, help: string, samples: () => Promise<readonly Sample[]>): void {
    this.#add({ name, help, kind, samples });
  }

  /** @param bounds upper bounds of the buckets, ascending; the one without a bound is added */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const series = new Map<
      string,
      { readonly labels: Labels; readonly counts: number[]; sum: number; count: number }
    >();
    this.#add({
      name,
      help,
      kind: "histogram",
      samples: async () =>
        [...series.values()].flatMap(({ labels, counts, sum, count }) => [
          ...bounds.map((bound, at) => ({
            suffix: "_bucket",
            labels: { ...labels, le: String(bound) },
            value: counts[at] ?? 0,
          })),
          { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
          { suffix: "_sum", labels, value: sum },
          { suffix: "_count", labels, value: count },
        ]),
    });
    return {
      observe(labels, value) {
        const key = seriesOf(labels);
        const found = series.get(key) ?? { labels, counts: bounds.map(() => 0), sum: 0, count: 0 };
        series.set(key, found);
        // Each bucket counts everything up to its bound.
        for (const [at, bound] of bounds.entries()) if (value <= bound) found.counts[at] = (found.counts[at] ?? 0) + 1;
        found.sum += value;
        found.count += 1;
      },
    };
  }

  /** @param limitMs longest time that one metric may take to be read; it is left out then */
  async text(limitMs = 2_000): Promise<string> {
    const parts = await Promise.all(this.#metrics.map((metric) => written(metric, limitMs)));
    return parts.join("");
  }

  #add(metric: Metric): void {
    this.#metrics.push(metric);
  }
}

async function written({ name, help, kind, samples }: Metric, limitMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    const found = await Promise.race([samples(), late]);
    if (found === undefined) return "";
    const head = `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${kind}\n`;
    const lines = found.map(
      ({ suffix = "", labels = {}, value }) => `${name}${suffix}${seriesOf(labels)} ${figure(value)}\n`,
    );
    return head + lines.join("");
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}

/** Labels as they are written; nothing for none. */
function seriesOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function figure(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
