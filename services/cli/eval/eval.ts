import { statSync, writeFileSync } from "node:fs";
import process from "node:process";
import { exitCodeOf, printable, processTerminal, type Terminal, UsageError } from "../terminal.ts";
import type { Asked } from "./asking.ts";
import { baselineFor, checkComparable, checkSameSet, compare, comparisonLines, readBaseline } from "./baseline.ts";
import { writeCandidates } from "./candidates-file.ts";
import { type EvalReport, isClean, reportJson } from "./eval-report.ts";
import { evaluate } from "./evaluate.ts";
import { featureLines } from "./features-file.ts";
import { htmlOf } from "./html/page.ts";
import { type EvalOptions, readOptions, usage } from "./options.ts";
import type { PairLine } from "./pair-lines.ts";
import { parity } from "./parity.ts";
import { inSplit } from "./plan.ts";
import { record } from "./record/record.ts";
import { tablesOf } from "./report.ts";

/** A line of `--run`. */
function runLine({ query, score, hits }: Asked): string {
  return JSON.stringify({ id: query.id, score, hits });
}

/** A line of `--pairs`. */
function pairLine({ query, ...asked }: Asked): string {
  const { user, score, outcome, reason, hits, passages, gates, features } = asked;
  const applied = gates === null ? null : { floor: gates.floor, threshold: gates.threshold };
  const line: PairLine = { user, query: query.id, score, outcome, reason, hits, passages, gates: applied, features };
  return JSON.stringify(line);
}

function write(file: string, lines: readonly string[]): void {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
}

// Found out before an hour of work, not after it.
function checkWritable(file: string | undefined): void {
  if (file === undefined) return;
  try {
    write(file, []);
  } catch (cause) {
    throw new UsageError(`cannot write ${file}`, { cause });
  }
}

/**
 * `reticent eval DIR`: measures the service on a set, through its HTTP API; `reticent eval record` adds a case to a set, and
 * `reticent eval parity` compares what two runs answered.
 * @returns 0; 1 when anything hidden came out, a visible set differs from the oracle, the service failed, an expected outcome did not
 *   come, or a figure dropped against the baseline; 2 for wrong usage.
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  const { stdout, stderr } = terminal;
  const [first, ...others] = args;
  if (first === "parity") return exitCodeOf("eval parity", async () => parity(others, terminal), stderr);
  if (first === "record") return exitCodeOf("eval record", () => record(others, terminal), stderr);

  // Leaves through `exit`, whose listeners remove the temporary folders.
  const interrupted = () => process.exit(130);
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await exitCodeOf(
      "eval",
      async () => {
        const options = readOptions(args, terminal.env);
        if (options === undefined) {
          stdout.write(usage);
          return 0;
        }
        return await measure(options, terminal);
      },
      stderr,
    );
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

async function measure(options: EvalOptions, { stdout, stderr }: Terminal): Promise<number> {
  const { runFile, pairsFile, featuresFile, candidatesFile, htmlFile, baselineFile } = options;
  // Found out before the work where it can be: which file of a folder it is depends on the model that answers.
  if (baselineFile !== undefined && statSync(baselineFile, { throwIfNoEntry: false })?.isDirectory() !== true) {
    checkSameSet(readBaseline(baselineFile), { set: options.name, split: options.split }, baselineFile);
  }
  for (const file of [runFile, pairsFile, featuresFile, candidatesFile, htmlFile]) checkWritable(file);
  const { report: found, run: asked, asked: all, judged } = await evaluate(options, stderr);
  let report: EvalReport = found;
  if (baselineFile !== undefined) {
    const file = baselineFor(baselineFile, found.service?.model);
    const baseline = readBaseline(file);
    checkComparable(baseline, found, file);
    report = { ...found, baseline: compare(baseline, found) };
  }
  const wanted = ({ query }: Pick<Asked, "query">) => !options.splitGiven || inSplit(query, options.split);
  if (runFile !== undefined) write(runFile, asked.filter(wanted).map(runLine));
  if (pairsFile !== undefined) write(pairsFile, all.map(pairLine));
  if (featuresFile !== undefined) {
    const pairs = judged.filter(({ one }) => wanted(one));
    write(
      featuresFile,
      featureLines(options.name, asked.filter(wanted), pairs).map((line) => JSON.stringify(line)),
    );
  }
  if (candidatesFile !== undefined) {
    const pairs = judged.filter(({ one }) => wanted(one));
    writeCandidates(candidatesFile, options.name, asked.filter(wanted), pairs);
  }
  if (htmlFile !== undefined) writeFileSync(htmlFile, htmlOf(report));
  stdout.write(options.json ? reportJson(report) : tablesOf(report));
  for (const line of failuresOf(report)) stderr.write(`reticent eval: ${printable(line)}\n`);
  const dropped = report.baseline?.metrics.some(({ verdict }) => verdict === "dropped") ?? false;
  return isClean(report) && !dropped ? 0 : 1;
}

/** One line for each thing that fails the run, and for each figure that changed against the baseline. */
function failuresOf({ leaks, errors, visibility, isolation, expectations, baseline }: EvalReport): readonly string[] {
  const count = (what: string, found: number) => (found === 0 ? [] : [`${what}: ${found}`]);
  return [
    ...count("hidden documents seen", leaks.found),
    ...count("hidden documents told apart from missing ones", leaks.told.length),
    ...count("failed requests", errors.count),
    ...count("visible sets that differ, by the filter", visibility.users - visibility.equal_by_filter),
    ...count("visible sets that differ, by the re-check", visibility.users - visibility.equal_by_recheck),
    ...count("responses that hidden documents changed", isolation?.mismatches.length ?? 0),
    ...(expectations?.failed ?? []).map(
      (one) => `not as expected: ${one.query} (${one.user}): ${one.got}, instead of ${one.expected}`,
    ),
    ...(baseline === null ? [] : comparisonLines(baseline)),
  ];
}
