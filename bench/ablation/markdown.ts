import type { Estimate } from "#core/calibration/bootstrap.ts";
import type { ConfidenceRow, ConfidenceTable } from "./confidence.ts";
import type { RankingRow } from "./ranking.ts";
import type { OverSets } from "./statistics.ts";

/** What a run came to; what `--json` prints. */
export interface Report {
  /** Day of the run. */
  readonly made: string;
  readonly model: string;
  readonly sets: readonly {
    readonly set: string;
    readonly calib: number;
    readonly test: number;
    readonly answerable: number;
    /** Share of the questions whose offline order is the one that the service gave. */
    readonly as_served: number;
    /** Sets over the same documents, which were left out together with it. */
    readonly left_out_with: readonly string[];
  }[];
  readonly ranking: readonly RankingRow[];
  readonly confidence: ConfidenceTable;
}

const three = (value: number | null): string => (value === null ? "–" : value.toFixed(3).replace(/^(-?)0\./, "$1."));
const signed = (value: number | null): string => (value !== null && value > 0 ? "+" : "") + three(value);
const withInterval = ({ value, low, high }: Estimate): string => `${three(value)} [${three(low)}, ${three(high)}]`;
const change = (one: Estimate | null): string =>
  one === null ? "" : `${signed(one.value)} [${signed(one.low)}, ${signed(one.high)}]`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A table of two figures per set, `first / second`, with the mean of both and the difference of the first to the first row's. */
function twoFigures<T extends { readonly title: string }>(
  report: Report,
  rows: readonly T[],
  of: (row: T) => readonly [OverSets, OverSets],
): string {
  return table(
    ["", ...report.sets.map(({ set }) => set), "mean", "mean difference of the first"],
    rows.map((row) => {
      const [first, second] = of(row);
      const pair = (a: Estimate | undefined, b: Estimate | undefined) =>
        `${three(a?.value ?? null)} / ${three(b?.value ?? null)}`;
      const cells = first.sets.map((one, at) => pair(one, second.sets[at]));
      return [row.title, ...cells, pair(first.mean, second.mean), change(first.difference)];
    }),
  );
}

const confidences = (row: ConfidenceRow): readonly [OverSets, OverSets] => [row.auroc, row.answered_at_far5];

/** The tables of a run as Markdown. */
export function tablesOf(report: Report): string {
  const { sets, ranking, confidence, made, model } = report;
  const interval = (title: string, rows: readonly ConfidenceRow[], of: (row: ConfidenceRow) => OverSets) =>
    table(
      [title, ...sets.map(({ set }) => set), "mean"],
      rows.map((row) => [row.title, ...of(row).sets.map(withInterval), withInterval(of(row).mean)]),
    );
  const inForce = confidence.fits.filter(({ name }) => name !== "uncalibrated");
  return [
    `Made on ${made} with ${model} by \`node bench/ablation/main.ts\`.`,
    table(
      ["set", "calib", "test", "of these answerable", "offline order as served", "left out together with"],
      sets.map((one) => [
        one.set,
        String(one.calib),
        String(one.test),
        String(one.answerable),
        `${(100 * one.as_served).toFixed(2)} %`,
        one.left_out_with.join(", "),
      ]),
    ),
    "### Ranking: nDCG@10 / Recall@5",
    twoFigures(report, ranking, (row) => [row.ndcg_at_10, row.recall_at_5]),
    "### Where the constants come from: AUROC / answered@far5",
    twoFigures(report, confidence.fits, confidences),
    "The same with 95 % intervals:",
    interval("AUROC, fitted on", inForce, (row) => row.auroc),
    interval("answered@far5, fitted on", inForce, (row) => row.answered_at_far5),
    "### Without one group of features: AUROC / answered@far5",
    twoFigures(report, confidence.without, confidences),
    "### One group of features alone: AUROC / answered@far5",
    twoFigures(report, confidence.alone, confidences),
  ].join("\n\n");
}

const [begin, end] = ["<!-- tables: written by bench/ablation/main.ts -->", "<!-- end of tables -->"];

/**
 * Puts the tables into a page, in the place of those that it has; the words around them stay.
 * @throws Error for a page that has only one of the two marks, or has them in the wrong order
 */
export function withTables(page: string, tables: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  const part = `${begin}\n\n${tables}\n\n${end}`;
  if (from < 0 && to < 0) return `${page}${page === "" || page.endsWith("\n") ? "" : "\n"}${part}\n`;
  if (from < 0 || to < from) throw new Error(`the page needs both marks, in this order: ${begin} and ${end}`);
  return page.slice(0, from) + part + page.slice(to + end.length);
}
