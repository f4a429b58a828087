import process from "node:process";
import type { Role } from "#services/process/roles.ts";

/** A command of the command line: its arguments in, its exit code out. Loaded only when asked for. */
type Run = (args: readonly string[]) => Promise<number>;

const commands: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<{ run: Run }> }>> = {
  demo: { about: "index the examples and ask as three callers", load: () => import("./demo/demo.ts") },
  serve: { about: "start the service (what npm start does)", load: () => import("./serve.ts") },
  query: { about: "answer questions, one process of several", load: () => roleCommand("query") },
  indexer: { about: "take documents in, one process of several", load: () => roleCommand("indexer") },
  worker: { about: "index documents, one process of several", load: () => roleCommand("worker") },
  token: { about: "sign a token with the embedded key", load: () => import("./token.ts") },
  sync: { about: "send a folder of documents to the indexer", load: () => import("./sync/sync.ts") },
  ask: { about: "ask the running service", load: () => import("./ask.ts") },
  doctor: { about: "look at every setting and dependency of a deployment", load: () => import("./doctor/doctor.ts") },
  policy: { about: "policy check: find every mistake in a policy folder", load: () => import("./policy.ts") },
  calibrate: {
    about: "fit the confidence on judged questions, or on documents",
    load: () => import("./calibrate/calibrate.ts"),
  },
  export: {
    about: "write everything that cannot be made again into a folder",
    load: () => import("./archive/export.ts"),
  },
  import: { about: "put an exported folder into a deployment", load: () => import("./archive/import.ts") },
  eval: { about: "measure retrieval, abstention and leaks on a set", load: () => import("./eval/eval.ts") },
};

async function roleCommand(role: Role): Promise<{ run: Run }> {
  const { runRole } = await import("./serve.ts");
  return { run: (args) => runRole(role, args) };
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const rows = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return `usage: reticent <command> [options]\n\n${rows.join("\n")}\n\nreticent <command> --help tells more.\n`;
}

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`reticent: "${name}" is not a command; reticent --help lists them\n`);
    return 2;
  }
  const { run } = await command.load();
  return run(args);
}

/** A wrong command line, setting or policy folder: exit code 2. */
function isMisuse(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (["UsageError", "ConfigError", "PolicyFolderError"].includes(error.name)) return true;
  return "code" in error && typeof error.code === "string" && error.code.startsWith("ERR_PARSE_ARGS");
}

/**
 * Follows what becomes of the standard streams. A reader that goes away (`reticent … | head -1`) is no error of ours: the rest
 * of the output is dropped, the command runs on, and its exit code is its own. Output that cannot be written for another reason (a full
 * disk) is told in one line and turns a success into exit code 1.
 */
function watchOutput(): void {
  let isBroken = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Once broken, a stream refuses every later write with an error of its own.
    if (isBroken) return;
    isBroken = true;
    if (error.code === "EPIPE") return;
    process.stderr.write(`reticent: the output cannot be written: ${error.message}\n`);
    process.on("exit", (code) => {
      if (code === 0) process.exitCode = 1;
    });
  });
  // Nobody is left to be told.
  process.stderr.on("error", () => {});
}

watchOutput();
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`reticent: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isMisuse(error) ? 2 : 1;
}
