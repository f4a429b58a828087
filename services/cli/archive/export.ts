import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { type ArchivedDocument, archivedOf } from "#core/archive/archived-document.ts";
import type { DocumentRecord } from "#core/document.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { parseConfig } from "#services/config.ts";
import { openForExport } from "#services/ports/open-archive.ts";
import { ofCopy } from "../data-copy.ts";
import { exitCodeOf, parseOptions, processTerminal, progressBar, type Terminal, UsageError } from "../terminal.ts";
import {
  archiveFormat,
  archiveVersion,
  type Manifest,
  manifestFile,
  readManifest,
  writeManifest,
  writePart,
} from "./format.ts";
import { printTotals, totalsOf } from "./totals.ts";

const usage = `usage: reticent export FOLDER [--json]

Writes everything that a deployment cannot make again into FOLDER: accepted bodies, access lists, labels, quality, versions, generations,
tombstones and disabled principals. It is the backup, and what "reticent import" moves to other adapters. What is made again (chunks,
vectors), policies, keys, traces and feedback are not in it. The embedded ledger may be in use meanwhile. An export that was
interrupted goes on where it stopped when the same command is given again.

The archive holds every text that was accepted: keep it as you keep the data directory.
`;

/** Documents per page and bytes of bodies per part, at which a part is written. */
const pageSize = 500;
const partBytes = 32 * 1024 * 1024;

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
  const { ledger, close } = await ofCopy(openForExport(config));
  try {
    const started = startedAt(folder);
    const manifest = await exportInto(folder, ledger, started, (tenants) =>
      progressBar(stderr, "exporting tenants", tenants),
    );
    printTotals(stdout, values.json === true, "exported", totalsOf(manifest), folder);
    return 0;
  } finally {
    await close();
  }
}

/** Where an interrupted export goes on; `undefined` for a new one. @throws UsageError when something else is in the folder */
function startedAt(folder: string): Manifest | undefined {
  if (existsSync(manifestFile(folder, "whole"))) throw new UsageError(`${folder} holds a whole archive already`);
  if (existsSync(manifestFile(folder, "partial"))) return readManifest(folder, "partial");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Drafts and a first part of an export that ended before its first manifest.
  const others = readdirSync(folder).filter((name) => !/^(documents-\d{6}\.jsonl\.zst|.*\.json)(\.draft)?$/.test(name));
  if (others.length > 0) throw new UsageError(`${folder} holds something else: ${others[0]}`);
  return undefined;
}

/** Writes what is missing of the archive, part by part. */
export async function exportInto(
  folder: string,
  ledger: Ledger & LedgerArchive,
  started: Manifest | undefined,
  bar: (tenants: number) => { tick(): void; note(text: string): void; end(): void },
): Promise<Manifest> {
  const tenants = await ledger.tenants();
  let manifest: Manifest = {
    format: archiveFormat,
    version: archiveVersion,
    createdAt: started?.createdAt ?? new Date().toISOString(),
    tenants: [...tenants],
    parts: started?.parts ?? [],
    disabled: (await ledger.disabledPrincipals()).map(({ tenant, principal }) => ({ tenant, principal })),
    ...(started?.after === undefined ? {} : { after: started.after }),
  };
  const progress = bar(tenants.length);
  let waiting: ArchivedDocument[] = [];
  let bytes = 0;
  const write = (): void => {
    const last = waiting.at(-1);
    if (last === undefined) return;
    const part = writePart(folder, manifest.parts.length + 1, waiting);
    manifest = { ...manifest, parts: [...manifest.parts, part], after: { ...last.record.key } };
    writeManifest(folder, "partial", manifest);
    waiting = [];
    bytes = 0;
  };
  for (const tenant of tenants) {
    const { after: done } = manifest;
    const isDone = done !== undefined && tenant < done.tenant;
    if (!isDone) {
      let after = done?.tenant === tenant ? { source: done.source, id: done.id } : undefined;
      for (;;) {
        const records = await ledger.list({
          tenant,
          state: "stored",
          fingerprint: "",
          limit: pageSize,
          ...(after === undefined ? {} : { after }),
        });
        for (const record of records) {
          const document = await archived(ledger, record);
          if (document === undefined) continue;
          waiting.push(document);
          bytes += document.body?.length ?? 0;
          if (bytes >= partBytes) write();
        }
        const last = records.at(-1)?.key;
        if (last === undefined || records.length < pageSize) break;
        after = { source: last.source, id: last.id };
        progress.note(`${manifest.parts.reduce((sum, part) => sum + part.documents, waiting.length)} documents`);
      }
      write();
    }
    progress.tick();
  }
  progress.end();
  const { after: _after, ...whole } = manifest;
  writeManifest(folder, "whole", whole);
  rmSync(manifestFile(folder, "partial"), { force: true });
  return whole;
}

/** Record and body of one state: a body that is gone was replaced after the record was read, which is then read again. */
async function archived(ledger: Ledger, listed: DocumentRecord): Promise<ArchivedDocument | undefined> {
  const { key } = listed;
  for (let record: DocumentRecord | undefined = listed; record !== undefined; ) {
    if (record.wanted === undefined) return archivedOf(record, undefined);
    const body = await ledger.readBody(key, record.wanted.generation);
    if (body !== undefined) return archivedOf(record, body);
    const [again] = await ledger.read([key]);
    if (again?.wanted?.generation === record.wanted.generation)
      throw new Error(`the content store lacks the body of a document of source ${key.source}`);
    record = again;
  }
  return undefined;
}
