import process from "node:process";
import { parseArgs } from "node:util";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";

const help = `usage: reticent serve

Serves the ingest API and the query API on RETICENT_HOST:RETICENT_PORT (127.0.0.1:8080) from RETICENT_DATA (./data) under the policies
in RETICENT_POLICIES (./policies). README.md lists every setting. SIGINT and SIGTERM finish what was acknowledged.
`;

/** `reticent serve`: runs until a signal says stop. Exit code 0 after a clean shutdown. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { help: { type: "boolean", short: "h" } }, strict: true });
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const config = parseConfig(process.env);
  const service = await startService(config);
  process.stderr.write(
    `reticent: listening on ${service.url}, data in ${config.dataDir}, policies from ${config.policyDir}\n`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  process.stderr.write("reticent: finishing what was acknowledged …\n");
  await service.close();
  return 0;
}
