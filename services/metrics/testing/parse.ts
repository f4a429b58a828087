/** A metric as a reader of the text format sees it. */
export interface ReadMetric {
  readonly help: string;
  readonly type: string;
  /** Value by series, as written, e.g. `reticent_requests_total{route="/v1/retrieve"}`. */
  readonly series: ReadonlyMap<string, number>;
}

/** Reads the text format of Prometheus strictly. @throws Error for a line that no reader would take */
export function parseExposition(text: string): ReadonlyMap<string, ReadMetric> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line has no end");
  const metrics = new Map<string, { help: string; type: string; series: Map<string, number> }>();
  let current = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const [, help, helped] = /^# HELP ([a-z][a-z0-9_]*) (.+)$/.exec(line) ?? [];
    if (help !== undefined && helped !== undefined) {
      if (metrics.has(help)) throw new Error(`${help} comes twice`);
      metrics.set(help, { help: helped, type: "", series: new Map() });
      current = help;
      continue;
    }
    const [, typed, type] = /^# TYPE ([a-z][a-z0-9_]*) (counter|gauge|histogram)$/.exec(line) ?? [];
    const metric = metrics.get(typed ?? current);
    if (typed !== undefined && type !== undefined && typed === current && metric !== undefined) {
      metric.type = type;
      continue;
    }
    const label = '[a-z_]+="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
    const sample = new RegExp(`^(([a-z][a-z0-9_]*)(?:\\{${label}(?:,${label})*\\})?) (\\+Inf|-Inf|NaN|[-+0-9.e]+)$`);
    const [, series, name = "", value] = sample.exec(line) ?? [];
    const isOfCurrent = name === current || (metric?.type === "histogram" && /_(bucket|sum|count)$/.test(name));
    if (series === undefined || metric === undefined || !isOfCurrent) throw new Error(`not a line: ${line}`);
    if (metric.series.has(series)) throw new Error(`${series} comes twice`);
    metric.series.set(series, value === "+Inf" ? Infinity : Number(value));
  }
  return metrics;
}
