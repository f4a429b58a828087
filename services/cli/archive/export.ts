import { existsSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { parseConfig } from "#services/config.ts";
import { openForExport } from "#services/ports/open-archive.ts";
import { ofCopy } from "../data-copy.ts";
import { exitCodeOf, parseOptions, processTerminal, progressBar, type Terminal, UsageError } from "../terminal.ts";
import { manifestFile, type PartialManifest, readPartial } from "./manifest.ts";
import { exportInto } from "./passes.ts";
import { printTotals } from "./totals.ts";

const usage = `usage: reticent export FOLDER [--json]

Writes everything that a deployment cannot make again into FOLDER: accepted bodies, access lists, labels, quality, versions, generations,
tombstones and disabled principals. It is the backup, and what "reticent import" moves to other adapters. What is made again (chunks,
vectors), policies, keys, traces and feedback are not in it. The deployment may be in use meanwhile: the archive shows it as of one moment
near the end, which is told ("as of"); what is written later is not in it. If too much is written for that, the command says so. An export
that was interrupted goes on when the same command is given again, and writes anew what has changed since.

The archive holds every text that was accepted: keep it as you keep the data directory.
`;

/** `reticent export`: exit code 0; 1 when it failed; 2 for wrong usage. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("export", () => exportCommand(args, terminal), terminal.stderr);
}

async function exportCommand(args: readonly string[], { stdout, stderr, env }: Terminal): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...args],
    options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  if (values.help === true) {
    stdout.write(usage);
    return 0;
  }
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0) throw new UsageError("give one folder to write to");
  const folder = resolve(given);
  const config = parseConfig(env);
  const started = startedAt(folder);
  const manifest = await exportInto({
    folder,
    open: () => ofCopy(openForExport(config)),
    ...(started === undefined ? {} : { started }),
    bar: (pass, tenants) => progressBar(stderr, pass === 1 ? "exporting tenants" : "comparing tenants", tenants),
  });
  printTotals(stdout, values.json === true, "exported", manifest, folder);
  return 0;
}

/** Where an interrupted export goes on; `undefined` for a new one. @throws UsageError when something else is in the folder */
function startedAt(folder: string): PartialManifest | undefined {
  if (existsSync(manifestFile(folder, "whole"))) throw new UsageError(`${folder} holds a whole archive already`);
  if (existsSync(manifestFile(folder, "partial"))) return readPartial(folder);
  if (!existsSync(folder)) return undefined;
  // The first thing that an export writes is its manifest: without one, parts are of something that was lost.
  const others = readdirSync(folder).filter((name) => name !== `${basename(manifestFile(folder, "partial"))}.draft`);
  if (others.length > 0) throw new UsageError(`${folder} holds something else: ${others[0]}`);
  return undefined;
}
