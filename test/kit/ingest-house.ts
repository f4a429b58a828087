import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import type { AccessToken } from "#core/access/acl.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import { type DocumentKey, keyString } from "#core/document.ts";
import { documentChanges } from "#core/ingest/changes.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { makeReconciler, type ReconcilerOptions } from "#core/ingest/reconciler.ts";
import { IndexingError, makeWorker, type WorkerParts } from "#core/ingest/worker.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import { searchOf, visibleTo } from "./documents.ts";
import { intercept } from "./hold.ts";
import { embedded, type Place, type Stack } from "./stacks.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Real ledger, index and encoder in one place; the clock is the test's. */
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
  /**
   * What a caller with these tokens can open of a document, by each of the two layers alone. An index that keeps a copy of access is behind the
   * ledger until a worker has brought it, and knows what may be read, not what is live: there the filter is asked after that, and for
   * what is live. The re-check is asked first, while the copy is as it is.
   */
  opens(key: DocumentKey, ...tokens: AccessToken[]): Promise<{ readonly filter: string[]; readonly recheck: string[] }>;
  /** Generations of a document that lie in the index, live or not. */
  stored(key: DocumentKey): Promise<readonly number[]>;
  /** Another house in the same place, as after the process was killed. */
  crash(): Promise<IngestHouse>;
}

/** Opens an empty house. */
export async function ingestHouse(stack: Stack = embedded): Promise<IngestHouse> {
  const folder = mkdtempSync(join(tmpdir(), "reticent-ingest-"));
  const place = stack.place(join(folder, "reticent.db"));
  closers.push(async () => {
    await stack.erase(place);
    rmSync(folder, { recursive: true, force: true });
  });
  return openHouse(stack, place, 1_000_000);
}

async function openHouse(stack: Stack, place: Place, startMs: number): Promise<IngestHouse> {
  let now = startMs;
  const clock = (): number => now;
  const embedder = hashedEmbedder();
  const { ledger, index, close } = await stack.open(place, { clock });
  closers.push(close);
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

  /** Brings the copy of access and nothing else: a worker does that before it looks at the content. */
  const bringCopy = async (key: DocumentKey) => {
    const blind = intercept(ledger, "readBody", () => Promise.reject(new Error("the copy alone")));
    await makeWorker({ ...parts, ledger: blind })(key).catch((error: unknown) => {
      if (!(error instanceof IndexingError)) throw error;
    });
  };

  /** Which of a document's texts searches for them find: where the index knows only who may read, of what is live. */
  const textsFound = async (
    key: DocumentKey,
    all: readonly { readonly generation: number; readonly text: string }[],
    visibility: VisibilityFilter,
  ) => {
    const live = (await ledger.read([key]))[0]?.live[fingerprint]?.generation;
    const found: string[] = [];
    for (const { generation, text } of all) {
      const [vector = new Float32Array()] = await embedder.embed([text], "query");
      const { hits } = await index.search({ fingerprint, vector, terms: [], filter: searchOf(visibility), limit: 100 });
      const isFound = hits.some((hit) => keyString(hit.key) === keyString(key) && hit.generation === generation);
      if (isFound && (!stack.keepsCopies || generation === live)) found.push(text);
    }
    return found;
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
      // The re-check of an index that ignores its filter: every generation that lies there is a hit.
      const isConfirmed = (generation: number) => recheck(record, generation, visibility, fingerprint) === "confirmed";
      if (stack.keepsCopies) await bringCopy(key);
      return {
        filter: await textsFound(key, all, visibility),
        recheck: all.filter(({ generation }) => isConfirmed(generation)).map(({ text }) => text),
      };
    },
    stored: async (key) => (await chunks(key)).map(({ generation }) => generation),
    crash: () => openHouse(stack, place, now),
  };
}
