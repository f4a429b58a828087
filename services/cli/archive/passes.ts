import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type ArchivedDocument, archivedOf } from "#core/archive/archived-document.ts";
import { compareKeys, type DocumentKey, type DocumentRecord } from "#core/document.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { OpenArchive } from "#services/ports/open-archive.ts";
import type { ProgressBar } from "../terminal.ts";
import { type Manifest, manifestFile, strayFiles, writeManifest, writePartial } from "./manifest.ts";
import { isIntact, type Part, type PartBounds, PartDraft, partBounds, StateHash } from "./part.ts";

type Source = Ledger & LedgerArchive;

/** Records in memory at a time; each may have the longest access list. */
const pageSize = 100;
/** Passes while there are writes. Any of them will do; the later ones are short, and bring the archive's moment near to its end. */
const mostPasses = 3;

/** What an export works on. */
export interface ExportOptions {
  readonly folder: string;
  /** Opens the ledger, or a copy of it as of now; once per pass. */
  readonly open: () => Promise<OpenArchive>;
  /** What an interrupted export left. */
  readonly started?: { readonly createdAt: string; readonly parts: readonly Part[] };
  readonly bar: (pass: number, tenants: number) => ProgressBar;
  /** {@link partBounds} unless a test wants more parts. */
  readonly bounds?: PartBounds;
}

/**
 * Compares every part with the ledger and writes those anew that differ, which are all at first; then again, until a pass finds nothing to write, and
 * a few times at most. Everything that was acknowledged before the last pass began is in the archive, as it was then or later: each record was read in
 * that pass, and would have differed, had it changed before. So it does not matter how old the parts of an interrupted export are, nor who writes.
 */
export async function exportInto({
  folder,
  open,
  started,
  bar,
  bounds = partBounds,
}: ExportOptions): Promise<Manifest> {
  const createdAt = started?.createdAt ?? new Date().toISOString();
  let archive: Draft | undefined;
  for (let pass = 1; ; pass += 1) {
    const asOf = new Date().toISOString();
    const { ledger, close } = await open();
    try {
      // After the first opening: a ledger that cannot be read leaves no folder.
      archive ??= new Draft(folder, createdAt, bounds, started?.parts ?? []);
      const tenants = await ledger.tenants();
      const written = await passOver(archive, ledger, tenants, bar(pass, tenants.length));
      const disabled = (await ledger.disabledPrincipals()).map(({ tenant, principal }) => ({ tenant, principal }));
      const isSettled = written === 0 && (await ledger.tenants()).join() === tenants.join();
      if (isSettled || pass >= mostPasses) return archive.finish({ asOf, disabled });
    } finally {
      await close();
    }
  }
}

/** @returns how many parts were written or dropped */
async function passOver(archive: Draft, ledger: Source, tenants: readonly string[], bar: ProgressBar): Promise<number> {
  let written = archive.dropAllBut(tenants);
  try {
    for (const tenant of tenants) {
      const parts: readonly (Part | undefined)[] = archive.partsOf(tenant);
      let after: DocumentKey | undefined;
      for (const [at, part] of (parts.length === 0 ? [undefined] : parts).entries()) {
        // What is behind the last part of a tenant belongs to it, too.
        const range = { tenant, after, through: at + 1 < parts.length ? part?.through : undefined };
        if (part === undefined || !(await isUnchanged(ledger, range, part))) {
          await writeAnew(archive, ledger, range, part, (documents) => bar.note(`${documents} documents`));
          written += 1;
        }
        after = part?.through;
      }
      bar.tick();
    }
    return written;
  } finally {
    bar.end();
  }
}

/** Documents of a tenant behind one key, as far as another. */
interface Range {
  readonly tenant: string;
  readonly after: DocumentKey | undefined;
  readonly through: DocumentKey | undefined;
}

async function* recordsOf(ledger: Source, { tenant, after, through }: Range): AsyncGenerator<DocumentRecord, void> {
  for (let last = after; ; ) {
    const records = await ledger.list({
      tenant,
      state: "stored",
      fingerprint: "",
      limit: pageSize,
      ...(last === undefined ? {} : { after: { source: last.source, id: last.id } }),
    });
    for (const record of records) {
      if (through !== undefined && compareKeys(record.key, through) > 0) return;
      yield record;
    }
    last = records.at(-1)?.key;
    if (last === undefined || records.length < pageSize) return;
  }
}

async function isUnchanged(ledger: Source, range: Range, part: Part): Promise<boolean> {
  const state = new StateHash();
  let documents = 0;
  for await (const record of recordsOf(ledger, range)) {
    documents += 1;
    if (documents > part.documents) return false;
    state.add(record);
  }
  return state.digest() === part.state;
}

async function writeAnew(
  archive: Draft,
  ledger: Source,
  range: Range,
  old: Part | undefined,
  note: (documents: number) => void,
): Promise<void> {
  let draft = archive.newPart();
  let documents = 0;
  for await (const record of recordsOf(ledger, range)) {
    const document = await archived(ledger, record);
    if (document === undefined) continue;
    documents += 1;
    if (!draft.add(document)) {
      archive.put(draft, old);
      note(documents);
      draft = archive.newPart();
      draft.add(document);
    }
  }
  archive.put(draft, old);
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

/** The archive as far as it is. Its manifest is on disk after every change, and names only files that are. */
class Draft {
  readonly #folder: string;
  readonly #createdAt: string;
  readonly #bounds: PartBounds;
  #parts: readonly Part[];
  #number: number;

  constructor(folder: string, createdAt: string, bounds: PartBounds, parts: readonly Part[]) {
    this.#folder = folder;
    this.#createdAt = createdAt;
    this.#bounds = bounds;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const intact = sorted(parts.filter((part) => isIntact(folder, part)));
    this.#parts = intact;
    // No file that was ever written is written over: the manifest on disk may name it.
    this.#number = Math.max(0, ...readdirSync(folder).map((name) => Number(/^documents-(\d+)/.exec(name)?.[1] ?? 0)));
    this.#save(intact);
  }

  partsOf(tenant: string): readonly Part[] {
    return this.#parts.filter(({ through }) => through.tenant === tenant);
  }

  newPart(): PartDraft {
    return new PartDraft(this.#bounds);
  }

  /** Writes a part; `old` goes. What of the old one's documents is not written yet belongs to the next part, which then differs. */
  put(draft: PartDraft, old: Part | undefined): void {
    this.#number += 1;
    const part = draft.write(this.#folder, this.#number);
    const kept = this.#parts.filter(({ file }) => file !== old?.file);
    this.#save(sorted(part === undefined ? kept : [...kept, part]));
    if (old !== undefined) rmSync(join(this.#folder, old.file), { force: true });
  }

  /** Drops what is of no such tenant. @returns how many parts */
  dropAllBut(tenants: readonly string[]): number {
    const kept = this.#parts.filter(({ through }) => tenants.includes(through.tenant));
    const dropped = this.#parts.length - kept.length;
    if (dropped > 0) this.#save(kept);
    return dropped;
  }

  finish({ asOf, disabled }: Pick<Manifest, "asOf" | "disabled">): Manifest {
    // What an interruption or a dropped part left; an import would refuse it.
    for (const stray of strayFiles(this.#folder, this.#parts)) rmSync(join(this.#folder, stray));
    const tenants = [...new Set(this.#parts.map(({ through }) => through.tenant))];
    const parts = [...this.#parts];
    const manifest = writeManifest(this.#folder, { createdAt: this.#createdAt, asOf, tenants, disabled, parts });
    rmSync(manifestFile(this.#folder, "partial"), { force: true });
    return manifest;
  }

  #save(parts: readonly Part[]): void {
    this.#parts = parts;
    writePartial(this.#folder, { createdAt: this.#createdAt, parts: [...parts] });
  }
}

function sorted(parts: readonly Part[]): readonly Part[] {
  return parts.toSorted((a, b) => compareKeys(a.through, b.through));
}
