import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { afterAll } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import { inPlace } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { IsVisible } from "#core/access/visible.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { AdapterConfig } from "#services/adapter-settings.ts";
import { openTestLedger } from "./ledger-redis.ts";
import { dropCollections, emptyCollections, freshPrefix, sayMissing, startQdrant, type TestQdrant } from "./qdrant.ts";
import { hasRedis, startRedis, type TestRedis } from "./redis.ts";

/** `embedded`: one process, no server. `full`: Redis, BullMQ, Qdrant. `mixed`: the embedded ledger, and the index in Qdrant. */
export type StackName = "embedded" | "mixed" | "full";

/** Where the data of one deployment lies. Whoever opens the same place again finds it there. */
export interface Place {
  /** The database file of an embedded ledger; `:memory:` = one that is gone when it is closed. */
  readonly file: string;
  /** What all its keys and collections on the servers begin with. */
  readonly namespace: string;
}

/** A ledger and the index beside it. */
export interface OpenStore {
  readonly ledger: Ledger & LedgerArchive;
  readonly index: VectorIndex;
  /** Closes both, as a process does that ends. */
  close(): Promise<void>;
}

/** The adapters that a suite runs on. Their servers are those of the test's file. */
export interface Stack {
  readonly name: StackName;
  /**
   * Whether the index keeps a copy of access, which lags behind the ledger after a change until the worker has brought it: a declared
   * exception from non-interference, and none from access.
   */
  readonly keepsCopies: boolean;
  /** Whether any number of processes may use the ledger. */
  readonly isShared: boolean;
  /** A place that holds nothing. */
  place(file?: string): Place;
  open(
    place: Place,
    options: {
      readonly clock: Clock;
      /** Guards of the embedded ledger's columns: only tests can put something else here. */
      readonly isVisible?: IsVisible;
    },
  ): Promise<OpenStore>;
  /** What a service's configuration says of its adapters; for the same place, the same data. */
  settings(place: Place): AdapterConfig;
  /** Erases what lies on the servers; the place may be given to somebody else. */
  erase(place: Place): Promise<void>;
}

/**
 * The stacks that a suite runs on: those that are wanted and whose servers are there. Where one is missing, a single visible line says that the
 * suite was not run on it; that fails where the server was promised.
 */
export async function openStacks(suite: string, wanted: readonly StackName[]): Promise<readonly Stack[]> {
  const needsQdrant = wanted.some((name) => name !== "embedded");
  const needsRedis = wanted.includes("full");
  if (needsRedis && !hasRedis()) sayMissingRedis(`${suite} on the full stack`);
  const qdrant = needsQdrant ? await startQdrant() : undefined;
  if (needsQdrant && qdrant === undefined)
    sayMissing(`${suite} on ${wanted.filter((name) => name !== "embedded").join(" and ")}`);
  const redis = needsRedis && qdrant !== undefined ? await startRedis() : undefined;
  const names = qdrant === undefined ? undefined : namespacesOn(qdrant);
  afterAll(async () => {
    await redis?.stop();
    await names?.drop();
    await qdrant?.stop();
  });
  return wanted.flatMap((name) => {
    if (name === "embedded") return [embedded];
    if (qdrant === undefined || names === undefined) return [];
    if (name === "mixed") return [mixedOn(qdrant, names)];
    return redis === undefined ? [] : [fullOn(redis, qdrant, names)];
  });
}

function sayMissingRedis(suite: string): void {
  const line = `skipped: ${suite}: no redis-server on the PATH and no REDIS_URL`;
  if (process.env.CI === "true") throw new Error(line);
  process.stderr.write(`${line}\n`);
}

const { model } = hashedEmbedder();
const inMemory = ":memory:";
const embeddedAdapters = { ledger: "sqlite", index: "sqlite", queue: "local", traces: "sqlite" } as const;

async function openFile(
  file: string,
  options: Parameters<Stack["open"]>[1],
  openIndex: (database: DatabaseSync, ledger: Awaited<ReturnType<typeof openSqliteLedger>>) => Promise<VectorIndex>,
): Promise<OpenStore> {
  const database = file === inMemory ? new DatabaseSync(file) : openDatabase(file);
  const ledger = await openSqliteLedger({ database, ...options });
  const index = await openIndex(database, ledger);
  return {
    ledger,
    index,
    async close() {
      await index.close();
      await ledger.close();
      database.close();
    },
  };
}

/** Everything in one process. */
export const embedded: Stack = {
  name: "embedded",
  keepsCopies: false,
  isShared: false,
  place: (file = inMemory) => ({ file, namespace: "" }),
  open: ({ file }, options) =>
    openFile(file, options, (database, { live }) => openSqliteIndex({ database, live, model, engine: inPlace })),
  settings: () => ({ adapters: embeddedAdapters }),
  erase: async () => {},
};

const qdrantOf = ({ url }: TestQdrant, { namespace }: Place) => ({
  url,
  namespace,
  exactChunks: 200_000,
  isApproximateAllowed: false,
});

/** Names on a Qdrant. To make the collections of one takes longer than most tests, so an emptied one is used again. */
interface Namespaces {
  take(): string;
  giveBack(namespace: string): Promise<void>;
  /** Removes the collections of all of them. */
  drop(): Promise<void>;
}

function namespacesOn({ url }: TestQdrant): Namespaces {
  const prefix = freshPrefix();
  const free: string[] = [];
  let made = 0;
  return {
    take() {
      made += 1;
      return free.pop() ?? `${prefix}-${made}`;
    },
    async giveBack(namespace) {
      await emptyCollections(url, `${namespace}-`);
      free.push(namespace);
    },
    drop: () => dropCollections(url, prefix),
  };
}

function mixedOn(qdrant: TestQdrant, names: Namespaces): Stack {
  const { url } = qdrant;
  return {
    name: "mixed",
    keepsCopies: true,
    isShared: false,
    place: (file = inMemory) => ({ file, namespace: names.take() }),
    open: ({ file, namespace }, options) =>
      openFile(file, options, () => openQdrantIndex({ url, prefix: namespace, model })),
    settings: (at) => ({ adapters: { ...embeddedAdapters, index: "qdrant" }, qdrant: qdrantOf(qdrant, at) }),
    erase: ({ namespace }) => names.giveBack(namespace),
  };
}

function fullOn(redis: TestRedis, qdrant: TestQdrant, names: Namespaces): Stack {
  return {
    name: "full",
    keepsCopies: true,
    isShared: true,
    place: (file = inMemory) => ({ file, namespace: names.take() }),
    async open({ namespace }, { clock }) {
      const { ledger } = await openTestLedger(redis, { clock, namespace });
      const index = await openQdrantIndex({ url: qdrant.url, prefix: namespace, model });
      return {
        ledger,
        index,
        async close() {
          await index.close();
          await ledger.close();
        },
      };
    },
    settings: (at) => ({
      adapters: { ledger: "redis", index: "qdrant", queue: "bullmq", traces: "redis" },
      redis: {
        url: redis.url,
        queueUrl: redis.url,
        durability: redis.isOwn ? "always" : "relaxed",
        namespace: at.namespace,
      },
      qdrant: qdrantOf(qdrant, at),
    }),
    async erase({ namespace }) {
      await dropKeys(redis.url, namespace);
      await names.giveBack(namespace);
    },
  };
}

/** Erases all keys of a namespace: the ledger's, the queue's and the traces'. */
async function dropKeys(url: string, namespace: string): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: `*${namespace}*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}
