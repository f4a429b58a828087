import type { Estimate } from "#core/calibration/bootstrap.ts";
import type { Compared } from "../baseline.ts";
import { type EvalReport, isClean } from "../eval-report.ts";
import type { Figures } from "../figures.ts";
import { metricNames, metrics } from "../metric-list.ts";
import { itemOfStored, type StoredItem } from "../stored-items.ts";
import { confidenceChart, reliabilityChart, riskCoverageChart } from "./charts.ts";
import { escapeHtml } from "./escape.ts";
import { style } from "./style.ts";

// Every text that comes from a set or from the service goes through `cell` or `escapeHtml`; numbers are formatted here.
const cell = (text: string) => `<td>${escapeHtml(text)}</td>`;
const number = (text: string) => `<td class="n">${text}</td>`;
const row = (...cells: readonly string[]) => `<tr>${cells.join("")}</tr>`;

function table(heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return "";
  const head = heads.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

const three = (value: number | null) => (value === null ? "–" : value.toFixed(3));

/** A value with its interval, and the interval as a bar from 0 to 1. */
function estimateCells({ value, low, high }: Estimate): string {
  const interval = low === null || high === null ? "–" : `${low.toFixed(3)} … ${high.toFixed(3)}`;
  const clamp = (one: number) => (100 * Math.min(1, Math.max(0, one))).toFixed(1);
  const bar =
    value === null || low === null || high === null
      ? ""
      : `<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="range" x="${clamp(low)}" y="3" width="${Math.max(0.5, 100 * (Math.min(1, high) - Math.max(0, low))).toFixed(1)}" height="4"/><rect class="value" x="${clamp(value - 0.005)}" y="0" width="1" height="10"/></svg>`;
  return `${number(three(value))}${number(interval)}<td>${bar}</td>`;
}

function figuresSection(
  heading: string,
  figures: Figures,
  items: readonly StoredItem[] | null,
  threshold: number | null,
) {
  const rows = metricNames.map((name) => row(cell(metrics[name].title), estimateCells(figures[name])));
  const against = Object.entries(figures.auroc_by_kind).map(([kind, one]) =>
    row(cell(`AUROC against ${kind}`), estimateCells(one)),
  );
  const kinds = Object.entries(figures.by_kind).map(([kind, one]) =>
    row(
      cell(kind),
      number(String(one.items)),
      number(String(one.answerable)),
      number(shown(one.answered)),
      number(shown(one.recall_at_5)),
      number(shown(one.ndcg_at_10)),
    ),
  );
  const judged = (items ?? []).map(itemOfStored);
  const charts = [riskCoverageChart(judged), reliabilityChart(judged), confidenceChart(judged, threshold)];
  const captions = [
    "Risk over coverage, answerable and unanswerable weighing 1:1; dashed: a perfect service.",
    "Confidence against the share of answerable questions in ten bins; dashed: calibrated.",
    "Where the confidence of both classes lies.",
  ];
  const drawn = charts.flatMap((chart, at) =>
    chart === "" ? [] : [`<figure>${chart}<figcaption>${captions[at] ?? ""}</figcaption></figure>`],
  );
  return `<section><h2>${escapeHtml(heading)}</h2>
<p>${figures.items} judged answers, ${figures.answerable} answerable; intervals are 95 % bootstrap intervals over ${figures.clusters} clusters.</p>
${table(["figure", "value", "95 % interval", ""], [...rows, ...against])}
${drawn.length === 0 ? "" : `<div class="charts">${drawn.join("")}</div>`}
<h3>By kind</h3>
${table(["kind", "items", "answerable", "answered", "Recall@5", "nDCG@10"], kinds)}</section>`;
}

const shown = ({ value, low, high }: Estimate) =>
  value === null
    ? "–"
    : low === null || high === null
      ? value.toFixed(3)
      : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

function safetySection({ visibility, leaks, errors, isolation, expectations, wrong }: EvalReport): string {
  const line = (what: string, value: string, good: boolean) =>
    row(cell(what), `<td class="${good ? "good" : "bad"}">${escapeHtml(value)}</td>`);
  const rows = [
    line("hidden documents seen", `${leaks.found} in ${leaks.responses} responses and their traces`, leaks.found === 0),
    line(
      "hidden documents told apart from missing ones",
      `${leaks.told.length} of ${leaks.probes} asked for by name`,
      leaks.told.length === 0,
    ),
    line(
      "visible sets by the filter",
      `${visibility.equal_by_filter} of ${visibility.users} equal the oracle`,
      visibility.equal_by_filter === visibility.users,
    ),
    line(
      "visible sets by the re-check",
      `${visibility.equal_by_recheck} of ${visibility.users} equal the oracle`,
      visibility.equal_by_recheck === visibility.users,
    ),
    line("failed requests", String(errors.count), errors.count === 0),
  ];
  if (isolation !== null) {
    rows.push(
      line(
        "responses that hidden documents changed",
        `${isolation.mismatches.length} of ${isolation.responses}`,
        isolation.mismatches.length === 0,
      ),
    );
  }
  if (expectations !== null) {
    const kept = expectations.checked - expectations.failed.length;
    rows.push(
      line("expected outcomes", `${kept} of ${expectations.checked} came`, kept === expectations.checked),
      ...expectations.failed.map((one) =>
        line(`  ${one.query} (${one.user})`, `${one.got}, instead of ${one.expected}`, false),
      ),
    );
  }
  if (wrong !== null)
    rows.push(row(cell("a wrong document before every right one"), cell(`${wrong.wrong_first} of ${wrong.queries}`)));
  const found = leaks.first.map((leak) =>
    row(cell(leak.where), cell(leak.what), cell(leak.document), cell(leak.user), cell(leak.query)),
  );
  return `<section><h2>Access and failures</h2>${table(["check", "result"], rows)}${table(["where", "what", "document", "user", "query"], found)}</section>`;
}

function baselineSection({ baseline }: EvalReport): string {
  if (baseline === null) return "";
  const sign = { dropped: "bad", improved: "good", same: "" } as const;
  const rows = baseline.metrics.map(({ list, metric, before, after, low, high, verdict }: Compared) =>
    row(
      cell(`${metrics[metric].title}${list === "pairs" ? ", users and queries" : ""}`),
      number(three(before)),
      number(three(after)),
      number(low === null || high === null ? "–" : `${low.toFixed(3)} … ${high.toFixed(3)}`),
      `<td class="${sign[verdict]}">${verdict}</td>`,
    ),
  );
  return `<section><h2>Against the baseline</h2><p>Model of the baseline: ${escapeHtml(baseline.model ?? "unknown")}; ${baseline.method} comparison.
The interval is of the difference, at the level that all figures together need.</p>${table(["figure", "before", "after", "difference", "verdict"], rows)}</section>`;
}

function kindsSection({ kinds }: EvalReport): string {
  if (kinds === null) return "";
  const rows = Object.entries(kinds).map(([kind, one]) =>
    row(
      cell(kind),
      number(String(one.pairs)),
      cell(
        Object.entries(one.outcomes)
          .map(([name, count]) => `${name} ${count}`)
          .join(", "),
      ),
      number(one.median_candidates === null ? "–" : String(one.median_candidates)),
      number(three(one.median_confidence)),
      number(String(one.shapes.length)),
    ),
  );
  return `<section><h2>Outcomes by kind</h2>${table(["kind", "answers", "outcomes", "median candidates", "median confidence", "shapes"], rows)}</section>`;
}

/**
 * The report as one HTML page: no script, nothing loaded from anywhere, light and dark by the reader's own setting. Names that a set
 * chose are escaped; no text of a document or a query is in it.
 */
export function htmlOf(report: EvalReport): string {
  const { set, split, service, indexed, latency, superseded } = report;
  const threshold = service?.threshold ?? null;
  const dropped = report.baseline?.metrics.some(({ verdict }) => verdict === "dropped") ?? false;
  const good = isClean(report) && !dropped;
  const facts = [
    row(cell("model"), cell(service?.model ?? "no answer")),
    row(cell("gates"), cell(service === null ? "–" : `floor ${service.floor}, threshold ${service.threshold}`)),
    row(cell("documents"), cell(`${indexed.documents} (stored ${indexed.stored}), ${indexed.chunks ?? "?"} chunks`)),
    row(
      cell("ingest"),
      cell(`${indexed.documents_per_second.toFixed(1)} documents/s, ${indexed.seconds.toFixed(1)} s`),
    ),
    row(
      cell("retrieve"),
      cell(
        `p50 ${latency.p50_ms.toFixed(2)} ms, p95 ${latency.p95_ms.toFixed(2)} ms, p99 ${latency.p99_ms.toFixed(2)} ms (${latency.requests} requests)`,
      ),
    ),
    ...(superseded === null
      ? []
      : [
          row(
            cell("superseded above current"),
            cell(
              `${superseded.queries.superseded_above_current} of ${superseded.queries.asked} queries (${three(superseded.queries.share)})`,
            ),
          ),
        ]),
  ];
  const sections = Object.entries(report.queries)
    .filter(([, figures]) => figures.items > 0)
    .map(([one, figures]) =>
      figuresSection(`Queries, ${one}`, figures, one === split ? report.values.queries : null, threshold),
    );
  const pairs = Object.entries(report.pairs ?? {})
    .filter(([, figures]) => figures.items > 0)
    .map(([one, figures]) =>
      figuresSection(
        `Users and queries, judged by what the user may see, ${one}`,
        figures,
        one === split ? report.values.pairs : null,
        threshold,
      ),
    );
  const title = escapeHtml(`${set}, ${split}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evaluation of ${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title} <span class="${good ? "good" : "bad"}">${good ? "passed" : "failed"}</span></h1>
${table(["", ""], facts)}
${baselineSection(report)}
${safetySection(report)}
${sections.join("\n")}
${pairs.join("\n")}
${kindsSection(report)}
</main>
</body>
</html>
`;
}
