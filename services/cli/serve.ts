import process from "node:process";
import { parseArgs } from "node:util";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import type { Role } from "#services/process/roles.ts";

const helpOf: Readonly<Record<Role, string>> = {
  all: `usage: reticent serve

Serves the ingest API and the query API on RETICENT_HOST:RETICENT_PORT (127.0.0.1:8080) from RETICENT_DATA (./data) under the policies
in RETICENT_POLICIES (./policies). README.md lists every setting. SIGINT, SIGTERM and SIGHUP finish what was acknowledged, and so does the
end of the process that started it (npm start, npx reticent).
`,
  query: `usage: reticent query

Answers questions: one of any number of processes that share RETICENT_LEDGER=redis, RETICENT_INDEX=qdrant and RETICENT_QUEUE=bullmq. It
serves POST /v1/retrieve, traces, feedback and health on RETICENT_HOST:RETICENT_PORT. docs/operations.md tells how to run several.
`,
  indexer: `usage: reticent indexer

Takes documents in: one of any number of processes that share RETICENT_LEDGER=redis, RETICENT_INDEX=qdrant and RETICENT_QUEUE=bullmq. It
serves the ingest API and health on RETICENT_HOST:RETICENT_PORT; a worker indexes what it accepts.
`,
  worker: `usage: reticent worker

Indexes what was accepted and repairs what was lost: one of any number of processes that share RETICENT_LEDGER=redis,
RETICENT_INDEX=qdrant and RETICENT_QUEUE=bullmq. It serves nothing but health on RETICENT_HOST:RETICENT_PORT.
`,
};

/** `reticent serve`: runs everything in one process until a signal says stop. Exit code 0 after a clean shutdown. */
export async function run(args: readonly string[]): Promise<number> {
  return runRole("all", args);
}

/**
 * A process of the given role, until a signal says stop. Exit code 0 after a clean shutdown.
 * @throws UnusableServer when something is away that it cannot do without: whoever started it is to start it again
 */
export async function runRole(role: Role, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { help: { type: "boolean", short: "h" } }, strict: true });
  if (values.help === true) {
    process.stdout.write(helpOf[role]);
    return 0;
  }
  const config = parseConfig(process.env, role);
  // Before the start, which may take a while: a signal in the middle of it is not lost.
  const stop = askedToStop();
  const service = await startService(config);
  process.stderr.write(
    `reticent: listening on ${service.url}, data in ${config.dataDir}, policies from ${config.policyDir}\n`,
  );
  await stop;
  process.stderr.write("reticent: finishing what was acknowledged …\n");
  await service.close();
  return 0;
}

/** Resolves when somebody says stop: with a signal, or, when the launcher started us, by its end. */
function askedToStop(): Promise<void> {
  // Whoever read our output may be gone as well; that must not end us in the middle.
  process.stderr.on("error", () => {});
  return new Promise((resolve) => {
    // They stay installed: a second signal (a terminal's, and the launcher's for the same key) must not cut the first one's work short.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
    process.once("disconnect", () => resolve());
    // The channel is there to end, not to keep us running.
    process.channel?.unref();
  });
}
