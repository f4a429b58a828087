import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { compareKeys, type DocumentKey } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { parseConfig } from "#services/config.ts";
import { openForImport } from "#services/ports/open-archive.ts";
import {
  CommandError,
  exitCodeOf,
  type ProgressBar,
  parseOptions,
  printable,
  processTerminal,
  progressBar,
  type Terminal,
  UsageError,
} from "../terminal.ts";
import { type Manifest, manifestFile, readManifest } from "./manifest.ts";
import { readPart } from "./part.ts";
import { printTotals } from "./totals.ts";

const usage = `usage: reticent import FOLDER [--check] [--json]

Puts an archive of "reticent export" into the deployment of the environment, with versions, generations, access revisions and tombstones
as they were. Everything in the archive is held against its counts and hashes before the first document goes in; --check stops there. A
document that is there already exactly so is passed over, so an import that was interrupted is repeated; one that is there in another
state ends the import, and nothing is overwritten. What was imported is indexed once the service runs.
`;

/** `reticent import`: exit code 0; 1 when it failed; 2 for wrong usage. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("import", () => importCommand(args, terminal), terminal.stderr);
}

async function importCommand(args: readonly string[], { stdout, stderr, env }: Terminal): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...args],
    options: {
      check: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help === true) {
    stdout.write(usage);
    return 0;
  }
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0) throw new UsageError("give one folder to read from");
  const folder = resolve(given);
  if (!existsSync(manifestFile(folder, "whole"))) {
    const why = existsSync(manifestFile(folder, "partial"))
      ? "its export was not finished"
      : "there is no manifest.json";
    throw new UsageError(`${folder} is no whole archive: ${why}`);
  }
  const manifest = readManifest(folder);
  const config = parseConfig(env);
  checkArchive(folder, manifest, progressBar(stderr, "checking", manifest.parts.length));
  const asJson = values.json === true;
  if (values.check === true) {
    printTotals(stdout, asJson, "exported", manifest, folder, { problems: 0 });
    return 0;
  }
  const { ledger, close, release } = await openForImport(config);
  try {
    const bar = progressBar(stderr, "importing", manifest.parts.length);
    const present = await importFrom(folder, manifest, ledger, bar).finally(release);
    printTotals(stdout, asJson, "imported", manifest, folder, { already_there: present });
    return 0;
  } finally {
    await close();
  }
}

/** Reads every part once. @throws CommandError at the first thing that is not as the manifest says */
export function checkArchive(folder: string, manifest: Manifest, bar: ProgressBar): void {
  try {
    let before: DocumentKey | undefined;
    for (const part of manifest.parts) {
      let isFirst = true;
      for (const { record } of readPart(folder, part)) {
        if (isFirst && before !== undefined && compareKeys(before, record.key) >= 0)
          throw new CommandError(`${part.file}: holds documents of the part before`);
        isFirst = false;
      }
      before = part.through;
      bar.tick();
    }
  } finally {
    bar.end();
  }
}

/** @returns how many documents were there already */
export async function importFrom(
  folder: string,
  manifest: Manifest,
  ledger: Ledger & LedgerArchive,
  bar: ProgressBar,
): Promise<number> {
  let present = 0;
  try {
    // First: nobody who is disabled is let in for as long as it takes.
    for (const { tenant, principal } of manifest.disabled) await ledger.setDisabled(tenant, principal, true);
    for (const part of manifest.parts) {
      for (const document of readPart(folder, part)) {
        if ((await ledger.restore(document).catch(conflictOf(document.record.key))) === "present") present += 1;
      }
      bar.tick();
    }
    return present;
  } finally {
    bar.end();
  }
}

function conflictOf({ tenant, source, id }: { tenant: string; source: string; id: string }) {
  return (error: unknown): never => {
    if (error instanceof AppError && error.code === "version-conflict")
      throw new CommandError(
        printable(`${tenant} ${source}/${id} is there already in another state; nothing was overwritten`),
      );
    throw error;
  };
}
