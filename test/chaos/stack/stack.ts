import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { embeddedIssuer, signToken } from "#adapters/identity-jose/embedded.ts";
import { defaultAudience } from "#adapters/identity-jose/issuers.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { dropCollections, startQdrant, type TestQdrant } from "#test/kit/qdrant.ts";
import { startRedis, type TestRedis } from "#test/kit/redis.ts";
import { policyFiles } from "../cast.ts";
import { freePorts } from "./ports.ts";
import { Service } from "./service.ts";

/** A server program is not on this machine. */
export class ServerMissing extends Error {
  override readonly name = "ServerMissing";
}

/** A Redis of the test, with a connection for the test's own commands. */
export interface OwnRedis {
  readonly server: TestRedis;
  /** Runs commands on a connection of its own, which ends after them. */
  run<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
}

/** The whole deployment: servers, processes, policy folder, key. */
export interface Stack {
  readonly folder: string;
  /** Ledger and traces. */
  readonly ledger: OwnRedis;
  /** The queue alone; it keeps nothing on its disk. */
  readonly queue: OwnRedis;
  readonly qdrant: TestQdrant;
  readonly queries: readonly Service[];
  readonly indexers: readonly Service[];
  readonly workers: readonly Service[];
  /** A token of the embedded issuer that holds for the whole test. */
  token(who: {
    readonly tenant: string;
    readonly user: string;
    readonly groups: readonly string[];
    readonly agent?: string;
  }): Promise<string>;
  /** Ends everything. @param keep leave the folder with the logs */
  stop(keep: boolean): Promise<void>;
}

/** Settings of {@link startStack}. */
export interface StackOptions {
  readonly graceMs: number;
  readonly sweepMs: number;
  readonly deadlineMs: number;
  /** Entry of a process, with the arguments before its role; the command line of the service unless a guard is taken out. */
  readonly program: readonly string[];
  readonly onCollapse: (name: string, code: string) => void;
}

/** Starts Redis twice, Qdrant, and two query, two indexer and three worker processes. @throws ServerMissing */
export async function startStack(options: StackOptions): Promise<Stack> {
  const undo: (() => Promise<void> | void)[] = [];
  try {
    return await started(options, undo);
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}

async function started(options: StackOptions, undo: (() => Promise<void> | void)[]): Promise<Stack> {
  const ledger = await ownRedis({});
  undo.push(() => ledger.server.stop());
  const queue = await ownRedis({ appendonly: "no" });
  undo.push(() => queue.server.stop());
  // Killed by the test unless it is behind QDRANT_URL and no program is here.
  const qdrant = (await startQdrant({ own: true })) ?? (await startQdrant());
  if (qdrant === undefined) {
    throw new ServerMissing("there is no qdrant on the PATH or in QDRANT_BINARY, and none answers at QDRANT_URL");
  }
  undo.push(() => qdrant.stop());
  if (!qdrant.isOwn) {
    await refuseUsed(qdrant.url);
    undo.push(() => dropCollections(qdrant.url, collectionPrefix));
  }
  const folder = mkdtempSync(join(tmpdir(), "reticent-chaos-"));
  const policies = policyFolder(policyFiles);
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  await embeddedIssuer(dataDir);
  const names = ["query-1", "query-2", "indexer-1", "indexer-2", "worker-1", "worker-2", "worker-3"];
  const ports = await freePorts(names.length);
  const services = names.map((name, at) => {
    const port = ports[at] ?? 0;
    const [role = ""] = name.split("-");
    return new Service({
      name,
      port,
      args: [...options.program, role],
      logFile: join(folder, `${name}.log`),
      onCollapse: options.onCollapse,
      env: {
        RETICENT_PORT: String(port),
        RETICENT_LEDGER: "redis",
        RETICENT_INDEX: "qdrant",
        RETICENT_QUEUE: "bullmq",
        RETICENT_EMBEDDER: "hashed",
        RETICENT_REDIS_URL: ledger.server.url,
        RETICENT_QUEUE_REDIS_URL: queue.server.url,
        RETICENT_QDRANT_URL: qdrant.url,
        RETICENT_DATA: dataDir,
        RETICENT_POLICIES: policies.dir,
        RETICENT_RATE_LIMIT: "1000000",
        RETICENT_DEADLINE_MS: String(options.deadlineMs),
        RETICENT_GRACE_MS: String(options.graceMs),
        RETICENT_SWEEP_MS: String(options.sweepMs),
        RETICENT_TRACE_COUNT: "2000",
        RETICENT_LOG_LEVEL: "warn",
      },
    });
  });
  for (const service of services) {
    service.start();
    undo.push(() => service.stop());
  }
  await Promise.all(services.map((service) => service.up()));
  const of = (role: string): readonly Service[] => services.filter(({ name }) => name.startsWith(role));
  return {
    folder,
    ledger,
    queue,
    qdrant,
    queries: of("query"),
    indexers: of("indexer"),
    workers: of("worker"),
    token: ({ tenant, user, groups, agent }) =>
      signToken({
        dataDir,
        tenant,
        user,
        groups,
        agents: agent === undefined ? [] : [agent],
        ttlS: 24 * 3_600,
        audience: defaultAudience,
      }),
    async stop(keep) {
      await Promise.all(services.map((service) => service.stop()));
      if (!qdrant.isOwn) await dropCollections(qdrant.url, collectionPrefix);
      await Promise.all([ledger.server.stop(), queue.server.stop(), qdrant.stop()]);
      policies.remove();
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the collections of a deployment begin with. */
const collectionPrefix = "reticent-";

/** The test erases what it finds at the end: not what belongs to somebody else. */
async function refuseUsed(url: string): Promise<void> {
  const listed: unknown = await (await fetch(`${url}/collections`)).json();
  if (JSON.stringify(listed).includes(`"${collectionPrefix}`)) {
    throw new ServerMissing(
      "the Qdrant at QDRANT_URL holds the collections of a deployment; the test needs an empty one",
    );
  }
}

async function ownRedis(config: Readonly<Record<string, string>>): Promise<OwnRedis> {
  const server = await startRedis({ own: true, config });
  if (server === undefined) throw new ServerMissing("there is no redis-server on the PATH");
  return {
    server,
    async run(work) {
      const redis = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => null, lazyConnect: true });
      redis.on("error", () => {});
      try {
        await redis.connect();
        return await work(redis);
      } finally {
        redis.disconnect();
      }
    },
  };
}
