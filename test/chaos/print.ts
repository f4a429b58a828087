import type { RunReport } from "./run.ts";

/** The figures of a run for people. */
export function print(report: RunReport): string {
  const { final } = report;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `    ${String(count).padStart(7)}  ${name}\n`)
      .join("");
  const recovery = Object.entries(report.recoveryMs)
    .map(([kind, { p50, max }]) => `    ${String(p50).padStart(7)} ${String(max).padStart(7)}  ${kind}\n`)
    .join("");
  const wrong = Object.keys(report.violations).length === 0 ? "none" : `\n${list(report.violations)}`;
  return `seed ${report.seed}: ${report.documents} documents, ${report.episodes} episodes in ${report.writtenS.toFixed(0)} s (${report.episodesPerS.toFixed(1)} a second), ${report.durationS.toFixed(0)} s in all, load ${report.load.map((one) => one.toFixed(1)).join(" ")}
  requests that write
${list(report.writes)}  questions
${list(report.reads)}    ${(100 * report.unavailableShare).toFixed(2)} % of the questions got 503
  harms, ${report.kills} of them kills
${list(report.harms)}  from a kill to the first success, ms: median, longest
${recovery}  at rest after ${(final.settledMs / 1_000).toFixed(1)} s, nothing left over after ${(final.cleanMs / 1_000).toFixed(1)} s
    compared: ${final.documents} documents, ${final.points} points, ${final.bodies} texts, ${final.listings} lists, ${final.questions} questions
  violations: ${wrong}
`;
}
