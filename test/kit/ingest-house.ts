import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { inPlace } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { AccessToken } from "#core/access/acl.ts";
import type { DocumentKey } from "#core/document.ts";
import { documentChanges } from "#core/ingest/changes.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { makeReconciler, type ReconcilerOptions } from "#core/ingest/reconciler.ts";
import { makeWorker, type WorkerParts } from "#core/ingest/worker.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import { searchOf, visibleTo } from "./documents.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

/** Real ledger, index and encoder over one file; the clock is the test's. */
export interface IngestHouse extends WorkerParts {
  /** The same ledger. */
  readonly archive: LedgerArchive;
  readonly fingerprint: string;
  readonly fingerprints: readonly string[];
  /** Moves the clock. */
  pass(ms: number): void;
  /** Indexes a document, with ports replaced where a test holds one. */
  work(key: DocumentKey, parts?: Partial<WorkerParts>): Promise<void>;
  /** A reconciler with a grace of 1,000 ms whose wake-ups are only noted. */
  reconciler(
    options?: Partial<ReconcilerOptions>,
  ): ReturnType<typeof makeReconciler> & { readonly woken: DocumentKey[] };
  /** What a caller with these tokens can open of a document, by each of the two layers alone. */
  opens(key: DocumentKey, ...tokens: AccessToken[]): Promise<{ readonly filter: string[]; readonly recheck: string[] }>;
  /** Generations of a document that lie in the index, live or not. */
  stored(key: DocumentKey): Promise<readonly number[]>;
  /** Another house over the same file, as after the process was killed. */
  crash(): Promise<IngestHouse>;
}

/** Opens an empty house. */
export async function ingestHouse(): Promise<IngestHouse> {
  const folder = mkdtempSync(join(tmpdir(), "reticent-ingest-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return openHouse(join(folder, "reticent.db"), 1_000_000);
}

async function openHouse(file: string, startMs: number): Promise<IngestHouse> {
  let now = startMs;
  const clock = (): number => now;
  const database = openDatabase(file);
  closers.push(() => database.close());
  const ledger = await openSqliteLedger({ database, clock });
  const embedder = hashedEmbedder();
  const index = await openSqliteIndex({ database, live: ledger.live, model: embedder.model, engine: inPlace });
  const { fingerprint } = embedder.model;
  const parts: WorkerParts = { ledger, index, embedder, clock, changes: documentChanges() };

  /** The first chunk of each generation: the documents of these tests have one. */
  const chunks = async (key: DocumentKey) => {
    const [record] = await ledger.read([key]);
    const generations = Array.from({ length: record?.lastGeneration ?? 0 }, (_, number) => number + 1);
    const texts = await index.texts(
      generations.map((generation) => chunkIdOf(key, generation, 0)),
      fingerprint,
    );
    return generations.flatMap((generation) => {
      const text = texts.get(chunkIdOf(key, generation, 0))?.text;
      return text === undefined ? [] : [{ generation, text }];
    });
  };

  return {
    ...parts,
    archive: ledger,
    fingerprint,
    fingerprints: [fingerprint],
    pass(ms) {
      now += ms;
    },
    work: (key, replaced = {}) => makeWorker({ ...parts, ...replaced })(key),
    reconciler(options = {}) {
      const woken: DocumentKey[] = [];
      const reconciler = makeReconciler({
        ledger,
        index,
        queue: { wake: async (key) => void woken.push(key) },
        fingerprints: () => [fingerprint],
        clock,
        graceMs: 1_000,
        sweepMs: 60_000,
        onError: (error) => {
          throw error;
        },
        ...options,
      });
      return { ...reconciler, woken };
    },
    async opens(key, ...tokens) {
      const visibility = visibleTo(tokens);
      const [record] = await ledger.read([key]);
      const all = await chunks(key);
      const selected = ledger.live.select(fingerprint, searchOf(visibility));
      const isSelected = (generation: number) =>
        selected.some((ref) => ref.generation === generation && ref.key.id === key.id && ref.key.source === key.source);
      // The re-check of an index that ignores its filter: every generation that lies there is a hit.
      const isConfirmed = (generation: number) => recheck(record, generation, visibility, fingerprint) === "confirmed";
      return {
        filter: all.filter(({ generation }) => isSelected(generation)).map(({ text }) => text),
        recheck: all.filter(({ generation }) => isConfirmed(generation)).map(({ text }) => text),
      };
    },
    stored: async (key) => (await chunks(key)).map(({ generation }) => generation),
    crash: () => openHouse(file, now),
  };
}
