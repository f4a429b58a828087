import { writeFileSync } from "node:fs";
import process from "node:process";
import { exitCodeOf, processTerminal, type Terminal, UsageError } from "../terminal.ts";
import type { Asked } from "./asking.ts";
import { evaluate, isClean } from "./evaluate.ts";
import { readOptions, usage } from "./options.ts";
import { inSplit } from "./plan.ts";
import { tablesOf } from "./report.ts";

/** A line of `--run`. */
function runLine({ query, score, hits }: Asked): string {
  return JSON.stringify({ id: query.id, score, hits });
}

/** A line of `--pairs`. */
function pairLine({ user, query, score, outcome, reason, hits }: Asked): string {
  return JSON.stringify({ user, query: query.id, score, outcome, reason, hits });
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
 * `reticent eval DIR`: measures the service on a set, through its HTTP API.
 * @returns 0; 1 when anything hidden came out, a visible set differs from the oracle, or the service failed; 2 for wrong usage.
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  const { stdout, stderr } = terminal;
  // Leaves through `exit`, whose listeners remove the temporary folders.
  const interrupted = () => process.exit(130);
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await exitCodeOf(
      "eval",
      async () => {
        const options = readOptions(args);
        if (options === undefined) {
          stdout.write(usage);
          return 0;
        }
        checkWritable(options.runFile);
        checkWritable(options.pairsFile);
        const { report, run: asked, asked: all } = await evaluate(options, stderr);
        if (options.runFile !== undefined) {
          const chosen = asked.filter(({ query }) => !options.splitGiven || inSplit(query, options.split));
          write(options.runFile, chosen.map(runLine));
        }
        if (options.pairsFile !== undefined) write(options.pairsFile, all.map(pairLine));
        stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : tablesOf(report));
        return isClean(report) ? 0 : 1;
      },
      stderr,
    );
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}
