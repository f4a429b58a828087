import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, vi } from "vitest";
import { aliasesOf, collectionOf } from "#adapters/index-qdrant/schema.ts";
import { keyNames } from "#adapters/ledger-redis/names.ts";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { sayMissing, startQdrant } from "#test/kit/qdrant.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { until } from "#test/kit/until.ts";
import { look, type Report } from "./look.ts";
import { policyWithTest, putDocument } from "./place.ts";

/** A password and a key that are looked for in every output; the password has to be encoded in a URL. */
export const stackPassword = "geheim-4711/@:";
export const stackApiKey = "quadrat-0815";

/** A deployment on a Redis and a Qdrant of a test's own, with one document, that a service was started and stopped on. */
export interface Stack {
  /** The settings of its processes, with some of them replaced. */
  env(changes?: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  /** A Redis URL with a password. */
  urlOf(base: string, password?: string): string;
  readonly redis: TestRedis;
  /** A connection that may do everything. */
  readonly admin: Redis;
  readonly dataDir: string;
  /** Of the encoder that the document was indexed with. */
  readonly fingerprint: string;
  /** The collection that is searched. */
  readonly searched: string;
  qdrantCall(method: string, path: string, body?: unknown): Promise<{ readonly result: unknown }>;
  /** Everything that somebody could have written. */
  state(): Promise<unknown>;
  /** What is found with a fault; the fault leaves nothing behind. */
  withFault(
    make: () => Promise<unknown>,
    undo: () => Promise<unknown>,
    changes?: Readonly<Record<string, string>>,
  ): Promise<Report>;
}

/** A suite on such a deployment, which each of its tests leaves as it found it. Without the servers one visible line says that it was skipped. */
export async function describeStack(name: string, suite: (stack: Stack) => void): Promise<void> {
  vi.stubEnv("QDRANT__SERVICE__API_KEY", stackApiKey);
  const qdrant = await startQdrant({ own: true });
  vi.unstubAllEnvs();
  if (qdrant === undefined) sayMissing(name);
  const made = new OpenStack(qdrant?.url ?? "");
  describe.skipIf(qdrant === undefined)("with Qdrant", () => {
    describeRedis(
      name,
      () => {
        beforeAll(() => made.open());
        afterAll(async () => {
          await made.close();
          await qdrant?.stop();
        });
        suite(made);
      },
      { own: true },
    );
  });
}

class OpenStack implements Stack {
  readonly #qdrantUrl: string;
  readonly #policies = policyFolder(policyWithTest);
  readonly #root = mkdtempSync(join(tmpdir(), "reticent-doctor-"));
  /** Made by the first start. */
  readonly dataDir = join(this.#root, "data");
  #redis: TestRedis | undefined;
  #admin: Redis | undefined;
  #fingerprint = "";

  constructor(qdrantUrl: string) {
    this.#qdrantUrl = qdrantUrl;
  }

  get redis(): TestRedis {
    return this.#redis ?? missing();
  }

  get admin(): Redis {
    return this.#admin ?? missing();
  }

  get fingerprint(): string {
    return this.#fingerprint;
  }

  get searched(): string {
    return collectionOf(aliasesOf("reticent", this.#fingerprint).search);
  }

  async open(): Promise<void> {
    this.#redis = (await startRedis({ own: true })) ?? missing();
    this.#admin = new Redis(this.#redis.url);
    await this.#admin.config("SET", "requirepass", stackPassword);
    const fresh = await look(this.env());
    deepEqual(fresh.named("failed"), []);
    deepEqual(fresh.named("warning"), ["calibration", "ledger-store", "index-collections"]);
    equal(await this.#admin.dbsize(), 0);
    const service = await startService(parseConfig(this.env()));
    equal(await putDocument(service.url, this.dataDir, "lamp", "The lamp of the lighthouse burns amber"), 200);
    // The sweep calls the index filled.
    await until(async () => (await look(this.env())).line("index-filled").status === "ok");
    await service.close();
    const stored = (await this.#admin.get(keyNames("reticent").registry)) ?? "";
    this.#fingerprint = (JSON.parse(stored.slice(stored.indexOf(" ") + 1)) as { active: string }).active;
  }

  async close(): Promise<void> {
    this.#admin?.disconnect();
    await this.#redis?.stop();
    this.#policies.remove();
    rmSync(this.#root, { recursive: true, force: true });
  }

  env(changes: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    return {
      RETICENT_LEDGER: "redis",
      RETICENT_INDEX: "qdrant",
      RETICENT_QUEUE: "bullmq",
      RETICENT_REDIS_URL: this.urlOf(this.redis.url),
      RETICENT_QDRANT_URL: this.#qdrantUrl,
      RETICENT_QDRANT_API_KEY: stackApiKey,
      RETICENT_EMBEDDER: "hashed",
      RETICENT_DATA: this.dataDir,
      RETICENT_POLICIES: this.#policies.dir,
      RETICENT_LOG_LEVEL: "silent",
      RETICENT_PORT: "0",
      RETICENT_SWEEP_MS: "200",
      ...changes,
    };
  }

  urlOf(base: string, password = stackPassword): string {
    return base.replace("//", `//:${encodeURIComponent(password)}@`);
  }

  async qdrantCall(method: string, path: string, body?: unknown): Promise<{ readonly result: unknown }> {
    const response = await fetch(`${this.#qdrantUrl}${path}`, {
      method,
      headers: { "content-type": "application/json", "api-key": stackApiKey },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    equal(response.status, 200);
    return (await response.json()) as { result: unknown };
  }

  async state(): Promise<unknown> {
    const { admin } = this;
    const keys = (await admin.keys("*")).toSorted();
    const dumps = await Promise.all(keys.map(async (key) => (await admin.dumpBuffer(key)).toString("base64")));
    // Counts every write since the server's start.
    const changes = /rdb_changes_since_last_save:(\d+)/.exec(await admin.info("persistence"))?.[1];
    const { result } = await this.qdrantCall("GET", "/collections");
    const names = (result as { collections: { name: string }[] }).collections.map(({ name }) => name).toSorted();
    const collections = [];
    for (const name of names) {
      // Not what the server's own housekeeping changes, such as segments.
      const described = (await this.qdrantCall("GET", `/collections/${name}`)).result;
      const { config, payload_schema, points_count } = described as Readonly<Record<string, unknown>>;
      const points = (await this.qdrantCall("POST", `/collections/${name}/points/scroll`, { with_vector: true }))
        .result;
      collections.push({ name, config, payload_schema, points_count, points });
    }
    const aliases = (await this.qdrantCall("GET", "/aliases")).result;
    return { keys, dumps, changes, collections, aliases, files: readdirSync(this.dataDir) };
  }

  async withFault(
    make: () => Promise<unknown>,
    undo: () => Promise<unknown>,
    changes: Readonly<Record<string, string>> = {},
  ): Promise<Report> {
    await make();
    try {
      return await look(this.env(changes));
    } finally {
      await undo();
    }
  }
}

/** For what cannot be missing when a test runs. @throws Error */
export function missing(): never {
  throw new Error("it is not there");
}
