import type { Estimate } from "#core/calibration/bootstrap.ts";
import { comparisonLines } from "./baseline.ts";
import type { EvalReport } from "./eval-report.ts";
import type { Figures } from "./figures.ts";
import { metricNames, metrics } from "./metric-list.ts";

const percentLess = (value: number | null) => (value === null ? "–" : value.toFixed(3));

function shownEstimate({ value, low, high }: Estimate): string {
  if (value === null) return "–";
  return low === null || high === null
    ? value.toFixed(3)
    : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

/** Rows under a heading, the first column aligned. */
function section(heading: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return [heading, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join("\n");
}

function figureRows(figures: Figures): [string, string][] {
  return [
    ["items", `${figures.items}, ${figures.answerable} answerable, ${figures.clusters} clusters`],
    ...metricNames.flatMap((name): [string, string][] => [
      [metrics[name].title, shownEstimate(figures[name])],
      ...(name === "auroc"
        ? Object.entries(figures.auroc_by_kind).map(([kind, value]): [string, string] => [
            `  against ${kind}`,
            shownEstimate(value),
          ])
        : []),
    ]),
    ...Object.entries(figures.by_kind).map(([kind, one]): [string, string] => [
      `${kind} (${one.items})`,
      `answered ${shownEstimate(one.answered)}${one.answerable === 0 ? "" : `, Recall@5 ${shownEstimate(one.recall_at_5)}, nDCG@10 ${shownEstimate(one.ndcg_at_10)}`}`,
    ]),
  ];
}

function safetyRows({ visibility, leaks, errors }: EvalReport): [string, string][] {
  const wrong = visibility.by_user.filter((one) => !one.filter_equals_oracle || !one.recheck_equals_oracle);
  return [
    ["visible sets by the filter", `${visibility.equal_by_filter} of ${visibility.users} users equal the oracle`],
    ["visible sets by the re-check", `${visibility.equal_by_recheck} of ${visibility.users} users equal the oracle`],
    ...wrong.map((one): [string, string] => [`  ${one.user}`, `differs: ${one.differing.join(", ")}`]),
    ["hidden documents seen", `${leaks.found} in ${leaks.responses} responses and their traces`],
    ...leaks.first.map((leak): [string, string] => [
      `  ${leak.where}`,
      `${leak.what} of ${leak.document} for ${leak.user}, query ${leak.query}`,
    ]),
    ["asked for by name", `${leaks.told.length} of ${leaks.probes} told apart from missing ones`],
    ["failed requests", String(errors.count)],
    ...errors.first.slice(0, 3).map(({ status, body }): [string, string] => [`  ${status}`, body.slice(0, 200)]),
  ];
}

function userRows({ visibility }: EvalReport): [string, string][] {
  return visibility.by_user.map((one): [string, string] => [
    one.user,
    `${String(one.visible).padStart(6)}  ${one.sha256}`,
  ]);
}

/** The report as tables for a person; intervals are 95 % bootstrap intervals. */
export function tablesOf(report: EvalReport): string {
  const { indexed, latency, service, kinds, superseded, isolation, expectations, wrong, baseline } = report;
  const stored = indexed.stored === indexed.documents ? "" : ` (stored ${indexed.stored}, some in several tenants)`;
  const parts = [
    section(`${report.set}: ${service === null ? "no answer" : service.model}`, [
      ["documents", `${indexed.documents}${stored}`],
      ["chunks", indexed.chunks === null ? "not told" : String(indexed.chunks)],
      ["ingest", `${indexed.documents_per_second.toFixed(1)} documents/s, ${indexed.seconds.toFixed(1)} s`],
      [
        "retrieve",
        `p50 ${latency.p50_ms.toFixed(2)} ms, p95 ${latency.p95_ms.toFixed(2)} ms, p99 ${latency.p99_ms.toFixed(2)} ms (${latency.requests} requests)`,
      ],
      ["gates", service === null ? "–" : `floor ${service.floor}, threshold ${service.threshold}`],
    ]),
    section("access", safetyRows(report)),
    section("visible documents by user", userRows(report)),
    ...Object.entries(report.queries)
      .filter(([, figures]) => figures.items > 0)
      .map(([split, figures]) => section(`queries, ${split}`, figureRows(figures))),
    ...Object.entries(report.pairs ?? {})
      .filter(([, figures]) => figures.items > 0)
      .map(([split, figures]) =>
        section(`users and queries, judged by what the user may see, ${split}`, figureRows(figures)),
      ),
  ];
  if (kinds !== null) {
    parts.push(
      section(
        "by kind (all splits)",
        Object.entries(kinds).map(([kind, one]): [string, string] => [
          kind,
          `${one.pairs} pairs; ${Object.entries(one.outcomes)
            .map(([name, count]) => `${name} ${count}`)
            .join(
              ", ",
            )}; candidates ${one.median_candidates ?? "–"}, confidence ${percentLess(one.median_confidence)}, shapes ${one.shapes.length}`,
        ]),
      ),
    );
  }
  if (superseded !== null) {
    const row = (one: typeof superseded.queries) =>
      `${one.superseded_above_current} of ${one.asked} (${percentLess(one.share)}); ${one.concerned} concerned (${percentLess(one.share_of_concerned)})`;
    parts.push(
      section("superseded above current", [
        ["queries", row(superseded.queries)],
        ["users and queries", row(superseded.users_and_queries)],
      ]),
    );
  }
  if (isolation !== null) {
    parts.push(
      section("isolation", [
        ["compared", `${isolation.responses} responses of ${isolation.users} users`],
        ["different", String(isolation.mismatches.length)],
        ...isolation.mismatches.slice(0, 5).flatMap((one): [string, string][] => [
          [`  ${one.user} ${one.query}`, one.with_hidden],
          ["", one.without_hidden],
        ]),
      ]),
    );
  }
  if (expectations !== null) {
    parts.push(
      section("expected outcomes", [
        ["came", `${expectations.checked - expectations.failed.length} of ${expectations.checked}`],
        ...expectations.failed.map((one): [string, string] => [
          `  ${one.query}`,
          `${one.got}, instead of ${one.expected} (${one.user})`,
        ]),
      ]),
    );
  }
  if (wrong !== null) {
    parts.push(section("judged wrong", [["before every right one", `${wrong.wrong_first} of ${wrong.queries}`]]));
  }
  if (baseline !== null) {
    const lines = comparisonLines(baseline);
    parts.push(
      section(
        `against the baseline (${baseline.model ?? "unknown model"}, ${baseline.method})`,
        lines.length === 0 ? [["same", "no figure changed by more than its noise"]] : lines.map((line) => ["", line]),
      ),
    );
  }
  return `${parts.join("\n\n")}\n`;
}
