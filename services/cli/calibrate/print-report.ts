import type { Estimate } from "#core/calibration/bootstrap.ts";
import { printable } from "../terminal.ts";
import type { Made } from "./publish.ts";

const number = (value: number | null) => (value === null ? "–" : value.toFixed(3));
const figure = ({ value, low, high }: Estimate) => `${number(value)} [${number(low)}, ${number(high)}]`;
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

/** The report for a person at a terminal. */
export function formatReport({ report, file, ignored }: Made, written: string | null): string {
  const { figures, random_folds, conformal, baseline } = report;
  const table = (rows: readonly (readonly string[])[]): string[] => {
    const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length))) ?? [];
    return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`.trimEnd());
  };
  const lines = [
    `${figures.questions} questions (${figures.answerable} answerable) in ${figures.groups} groups; 95 % intervals, out of fold`,
    ...table([
      ["", "folds by group", "random folds"],
      ...(
        [
          ["AUROC", "auroc"],
          ["answered@far5", "answered_at_far5"],
          ["AURC", "aurc"],
          ["ECE", "ece"],
          ["Brier", "brier"],
          ["log loss", "log_loss"],
        ] as const
      ).map(([label, name]) => [label, figure(figures[name]), figure(random_folds[name])]),
    ]),
    "",
    ...table([
      ["threshold", "answerable answered", "unanswerable answered"],
      ...figures.operating_points.map((point) => [
        String(point.threshold),
        figure(point.answered_answerable),
        figure(point.answered_unanswerable),
      ]),
    ]),
    "",
    ...report.thresholds.map(
      ({ rate, threshold, without_margin }) =>
        `  ${percent(rate)} of unanswerable questions: threshold ${number(threshold)} with a margin (${number(without_margin)} on these questions)`,
    ),
  ];
  if (report.sets.length > 1) {
    const rows = report.sets.map(({ set, figures: own, left_out }) => [
      printable(set),
      String(own.questions),
      figure(own.auroc),
      left_out === null ? "–" : figure(left_out.auroc),
    ]);
    lines.push("", ...table([["set", "questions", "AUROC", "fitted on the others alone"], ...rows]));
  }
  if (conformal !== null) {
    const { alpha, threshold, random_folds: random, group_folds: groups } = conformal;
    lines.push(
      "",
      threshold === null
        ? `  conformal: too few unanswerable questions for at most ${percent(alpha)}`
        : `  conformal: at most ${percent(alpha)} of unanswerable questions: threshold ${threshold}`,
    );
    if (random !== null) {
      const band = `${percent(random.band.low)} … ${percent(random.band.high)}`;
      lines.push(
        `    random folds: ${percent(random.answered_unanswerable)} (band ${band}), ${percent(random.answered_answerable)} of answerable answered`,
      );
    }
    if (groups !== null) {
      lines.push(
        `    folds by group: ${percent(groups.answered_unanswerable)}, ${percent(groups.excess)} more than asked for`,
      );
    }
  }
  lines.push("");
  if (report.constant_features.length > 0) {
    lines.push(`  left out, always the same: ${report.constant_features.join(", ")}`);
  }
  if (ignored.length > 0) lines.push(`  left out, no part of a confidence: ${ignored.join(", ")}`);
  lines.push(
    baseline === null
      ? "  no calibration in force to compare with"
      : `  against the one in force: AUROC ${figure(baseline.auroc_difference)}, log loss ${figure(baseline.log_loss_difference)}`,
  );
  if (file !== null) lines.push(`  fitted on ${printable(file.fitted_on)} for ${file.model}`);
  if (written !== null) lines.push(`  written to ${written}`);
  return `${lines.join("\n")}\n`;
}
