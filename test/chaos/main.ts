import {
  exitCodeOf,
  integerOption,
  parseOptions,
  processTerminal,
  progressBar,
  UsageError,
} from "#services/cli/terminal.ts";
import type { Violation } from "./model/world.ts";
import { print } from "./print.ts";
import { run } from "./run.ts";
import { sabotages } from "./sabotage/guards.ts";
import { ServerMissing } from "./stack/stack.ts";

const usage = `usage: npm run test:chaos -- [--seed N] [--documents N] [--changes N] [--kills N] [--json] [--keep]

Two query, two indexer and three worker processes on servers of the test's own; everything is killed at random while documents, access and principals
change and readers ask. Every answer is held against a model. Exit code 0: nothing was wrong; 1: something was; 2: it could not run.
  --documents  default 10000     --changes  episodes of change, default as many as documents
  --kills      default 110       --seed     decides what is drawn; the order of events is the machine's
  --json       prints the figures as JSON     --keep  leaves the logs of the processes
  --sabotage GUARD  takes a guard out of every process: then exit code 0 means that the violations were reported, 1 that none was. GUARD is one of
               ${Object.keys(sabotages).join(", ")}
`;

/** Violations that are printed with the history of their document; all of them are counted. */
const printed = 20;

async function main(): Promise<number> {
  const { values } = parseOptions({
    options: {
      seed: { type: "string" },
      documents: { type: "string" },
      changes: { type: "string" },
      kills: { type: "string" },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      sabotage: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
    strict: true,
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const documents = integerOption("documents", values.documents, { min: 20, max: 100_000 }) ?? 10_000;
  const changes = integerOption("changes", values.changes, { min: 0, max: 1_000_000 }) ?? documents;
  const kills = integerOption("kills", values.kills, { min: 0, max: 10_000 }) ?? 110;
  const seed =
    integerOption("seed", values.seed, { min: 0, max: 4_294_967_295 }) ?? Math.floor(Math.random() * 2 ** 32);
  const sabotage = values.sabotage === undefined ? undefined : sabotages[values.sabotage];
  if (values.sabotage !== undefined && sabotage === undefined)
    throw new UsageError(`--sabotage: no guard ${values.sabotage}`);
  const { stderr, stdout } = processTerminal;
  stdout.write(values.json ? "" : `seed ${seed}\n`);
  const bar = progressBar(stderr, "episodes", documents + changes);
  let shown = 0;
  let logs = "";
  const said = new Set<string>();
  const onViolation = (violation: Violation): void => {
    shown += 1;
    if (shown > printed) return;
    bar.end();
    stderr.write(`VIOLATION ${violation.kind}: ${violation.message}\n`);
    const { document } = violation;
    const name = document === undefined ? "" : `${document.tenant}/${document.source}/${document.id}`;
    if (document === undefined || said.has(name)) return;
    said.add(name);
    stderr.write(`  history of ${name}:\n${document.log.map((line) => `    ${line}\n`).join("")}`);
  };
  const report = await run({
    seed,
    documents,
    changes,
    kills,
    questions: 40,
    program:
      values.sabotage === undefined
        ? [new URL("../../services/cli/main.ts", import.meta.url).pathname]
        : [new URL("./sabotage/main.ts", import.meta.url).pathname, values.sabotage],
    keep: values.keep,
    onStart: (folder) => {
      logs = folder;
    },
    onStep: ({ done, total, remark }) => {
      bar.tick();
      bar.note(remark);
      // Where there is no bar, a line for each tenth.
      if (stderr.isTTY !== true && Math.floor((10 * done) / total) > Math.floor((10 * (done - 1)) / total)) {
        stderr.write(`${done} of ${total} episodes, ${remark}, ${Math.round(performance.now() / 1_000)} s\n`);
      }
    },
    onViolation,
  });
  bar.end();
  if (values.keep || shown > 0) stderr.write(`logs of the processes in ${logs}\n`);
  stdout.write(values.json ? `${JSON.stringify(report)}\n` : print(report));
  if (sabotage === undefined) return shown === 0 ? 0 : 1;
  const isShown = sabotage.shows.some((kind) => (report.violations[kind] ?? 0) > 0);
  stdout.write(`sabotage ${values.sabotage} (${sabotage.about}): ${isShown ? "reported" : "NOT REPORTED"}\n`);
  return isShown ? 0 : 1;
}

// What was started ends with this process, also when it is asked to end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await exitCodeOf(
  "test:chaos",
  async () => {
    try {
      return await main();
    } catch (error) {
      if (!(error instanceof ServerMissing)) throw error;
      process.stderr.write(`test:chaos: ${error.message}\n`);
      return 2;
    }
  },
  process.stderr,
);
