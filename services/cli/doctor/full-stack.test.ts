import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { aliasesOf, collectionOf } from "#adapters/index-qdrant/schema.ts";
import { keyNames } from "#adapters/ledger-redis/names.ts";
import { userRules } from "#adapters/ledger-redis/user.ts";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import { embeddingsServer } from "#test/kit/embeddings-server.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { sayMissing, startQdrant, type TestQdrant } from "#test/kit/qdrant.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { startProxy } from "#test/kit/tcp-proxy.ts";
import { look, type Report } from "./testing/look.ts";

// The doctor on real servers, each fault made real. Every test leaves the deployment as it found it.

const password = "geheim-4711/@:";
const apiKey = "quadrat-0815";
vi.stubEnv("QDRANT__SERVICE__API_KEY", apiKey);
const qdrant = await startQdrant({ own: true });
vi.unstubAllEnvs();
if (qdrant === undefined) sayMissing("reticent doctor on the full stack");

const policyTest = `tests:
  - name: guests are kept out of secrets
    caller: { tenant: one, user: gus, groups: [guests] }
    may_read: [open]
    may_not_read:
      - { source: open, labels: [secret] }
`;
const policy = { ...testPolicy, "tests/one.yaml": policyTest };

describe.skipIf(qdrant === undefined)("with Qdrant", () => {
  describeRedis("reticent doctor on the full stack", suite, { own: true });
});

function suite(): void {
  const server = (): TestQdrant => qdrant ?? missing();
  let redis: TestRedis;
  let admin: Redis;
  let dataDir = "";
  let fingerprint = "";
  const policies = policyFolder(policy);

  const env = (changes: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
    RETICENT_LEDGER: "redis",
    RETICENT_INDEX: "qdrant",
    RETICENT_QUEUE: "bullmq",
    RETICENT_REDIS_URL: urlOf(redis.url),
    RETICENT_QDRANT_URL: server().url,
    RETICENT_QDRANT_API_KEY: apiKey,
    RETICENT_EMBEDDER: "hashed",
    RETICENT_DATA: dataDir,
    RETICENT_POLICIES: policies.dir,
    RETICENT_LOG_LEVEL: "silent",
    RETICENT_PORT: "0",
    ...changes,
  });
  const urlOf = (base: string, secret = password): string => base.replace("//", `//:${encodeURIComponent(secret)}@`);

  beforeAll(async () => {
    redis = (await startRedis({ own: true })) ?? missing();
    admin = new Redis(redis.url);
    await admin.config("SET", "requirepass", password);
    // Made by the first start.
    dataDir = join(mkdtempSync(join(tmpdir(), "reticent-doctor-")), "data");
    const fresh = await look(env());
    expect(fresh.named("failed")).toEqual([]);
    expect(fresh.named("warning")).toEqual(["calibration", "ledger-store", "index-collections"]);
    expect(await admin.dbsize()).toBe(0);
    await fill();
    fingerprint = (await registry()).active;
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
    await qdrant?.stop();
    policies.remove();
    rmSync(join(dataDir, ".."), { recursive: true, force: true });
  });

  /** One process, one document. */
  async function fill(): Promise<void> {
    const service = await startService(parseConfig(env()));
    const claims = { tenant: "one", user: "wendy", groups: ["writers"], agents: [], ttlS: 600, audience: "reticent" };
    const response = await fetch(`${service.url}/v1/documents/open/lamp?wait=true`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${await signToken({ dataDir, ...claims })}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        version: 1,
        title: "lamp",
        content_type: "text/plain",
        body: "The lamp of the lighthouse burns amber",
        acl: [{ access_type: "grant", type: "everyone" }],
      }),
    });
    expect(response.status).toBe(200);
    await service.close();
  }

  async function registry(): Promise<{ active: string }> {
    const stored = (await admin.get(keyNames("reticent").registry)) ?? "";
    return JSON.parse(stored.slice(stored.indexOf(" ") + 1)) as { active: string };
  }

  const qdrantCall = async (method: string, path: string, body?: unknown): Promise<{ result: unknown }> => {
    const response = await fetch(`${server().url}${path}`, {
      method,
      headers: { "content-type": "application/json", "api-key": apiKey },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as { result: unknown };
  };
  const searched = (): string => collectionOf(aliasesOf("reticent", fingerprint).search);

  /** Everything that somebody could have written. */
  async function state(): Promise<unknown> {
    const keys = (await admin.keys("*")).toSorted();
    const dumps = await Promise.all(keys.map(async (key) => (await admin.dumpBuffer(key)).toString("base64")));
    const changes = /rdb_changes_since_last_save:(\d+)/.exec(await admin.info("persistence"))?.[1];
    const { result } = await qdrantCall("GET", "/collections");
    const names = (result as { collections: { name: string }[] }).collections.map(({ name }) => name).toSorted();
    const collections = [];
    for (const name of names) {
      // Not what the server's own housekeeping changes, such as segments.
      const described = (await qdrantCall("GET", `/collections/${name}`)).result as Readonly<Record<string, unknown>>;
      const { config, payload_schema, points_count } = described;
      const points = (await qdrantCall("POST", `/collections/${name}/points/scroll`, { with_vector: true })).result;
      collections.push({ name, config, payload_schema, points_count, points });
    }
    const aliases = (await qdrantCall("GET", "/aliases")).result;
    return { keys, dumps, changes, collections, aliases, files: readdirSync(dataDir) };
  }

  /** What is found with a fault; the fault and the report leave nothing behind. */
  async function withFault(make: () => Promise<unknown>, undo: () => Promise<unknown>, changes = {}): Promise<Report> {
    await make();
    try {
      return await look(env(changes));
    } finally {
      await undo();
    }
  }
  const configured = (name: string, value: string, before: string) =>
    withFault(
      () => admin.config("SET", name, value),
      () => admin.config("SET", name, before),
    );

  test("all is well, whether or not a process runs, and nothing at all is written", async () => {
    const before = await state();
    const idle = await look(env());
    expect(idle).toMatchObject({ code: 0 });
    expect(idle.named("failed")).toEqual([]);
    expect(idle.named("warning")).toEqual(["calibration"]);
    expect(idle.named("skipped")).toEqual([]);
    expect(idle.line("documents").finding).toBe("1 document, deleted ones included; 0 to be indexed, 0 failed");
    expect(idle.line("index-points").finding).toMatch(/^1 chunk, status green/);
    expect(await state()).toEqual(before);

    const service = await startService(parseConfig(env()));
    onTestFinished(() => service.close());
    const running = await look(env(), ["--url", service.url]);
    expect(running.named("failed")).toEqual([]);
    expect(running.line("service-ready").status).toBe("ok");
  });

  test("no secret is printed, not by a run for people either, whatever is wrong", async () => {
    const wrong = "also-a-secret-99";
    const reports = [
      await look(env()),
      await look(
        env({ RETICENT_REDIS_URL: urlOf(redis.url, wrong), RETICENT_QDRANT_API_KEY: wrong, RETICENT_TOKEN: wrong }),
      ),
      await look(env({ RETICENT_REDIS_URL: `http://u:${wrong}@host`, RETICENT_QDRANT_URL: `x://u:${wrong}@h` })),
      await look(env({ RETICENT_REDIS_URL: `${urlOf(redis.url, wrong)}?keepAlive=1` })),
    ];
    for (const { text } of reports) {
      for (const secret of [apiKey, password, encodeURIComponent(password), wrong]) expect(text).not.toContain(secret);
    }
  });

  test("a server's settings that can lose or evict what was acknowledged, each by its own line", async () => {
    const evicting = await configured("maxmemory-policy", "allkeys-lru", "noeviction");
    expect(evicting).toMatchObject({ code: 1 });
    expect(evicting.named("failed")).toEqual(["ledger-eviction"]);
    expect(evicting.named("warning")).toContain("queue-eviction");
    expect((await configured("appendfsync", "everysec", "always")).named("failed")).toEqual(["ledger-persistence"]);
    expect((await configured("no-appendfsync-on-rewrite", "yes", "no")).named("failed")).toEqual([
      "ledger-persistence",
    ]);
    const full = await configured("maxmemory", String(Math.floor(Number(await usedMemory()) * 1.02)), "0");
    expect(full.named("failed")).toContain("ledger-memory");
    const relaxed = await withFault(
      () => admin.config("SET", "appendfsync", "no"),
      () => admin.config("SET", "appendfsync", "always"),
      { RETICENT_LEDGER_DURABILITY: "relaxed" },
    );
    expect(relaxed).toMatchObject({ code: 0 });
    expect(relaxed.line("ledger-persistence")).toMatchObject({
      status: "warning",
      finding: expect.stringContaining("relaxed"),
    });
  });
  const usedMemory = async () => /used_memory:(\d+)/.exec(await admin.info("memory"))?.[1];

  test("a wrong password, a wrong port and an address with a query fail the server's line, and skip what needs it", async () => {
    const needing = [
      "ledger-role",
      "ledger-persistence",
      "ledger-eviction",
      "ledger-memory",
      "ledger-clock",
      "ledger-user",
    ];
    const rest = ["ledger-store", "policy-revision", "active-fingerprint", "probe-vectors", "documents"];
    const queue = ["queue-eviction", "queue-jobs"];
    const urls = [
      [urlOf(redis.url, "wrong"), "the server refuses the user name or password"],
      [redis.url, "the server asks for a password"],
      [urlOf(`redis://127.0.0.1:${await freePort()}`), "nobody listens there"],
      [`${urlOf(redis.url)}?family=6`, "RETICENT_REDIS_URL: a Redis URL has no query"],
    ] as const;
    for (const [url, reason] of urls) {
      const report = await look(env({ RETICENT_REDIS_URL: url }));
      expect(report).toMatchObject({ code: 1 });
      expect(report.named("failed")).toEqual(["ledger-server", "queue-server", "traces-server"]);
      expect(report.named("skipped")).toEqual([...needing, ...rest, ...queue, "index-ledger"]);
      expect(report.line("ledger-server").finding).toContain(reason);
      expect(report.line("index-points").status).toBe("ok");
    }
  });

  test("a port that takes connections and says nothing is told in time, and ends the run", async () => {
    const held = createServer(() => {}).listen(0, "127.0.0.1");
    await once(held, "listening");
    const address = held.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    onTestFinished(() => void held.close());
    const hanging = {
      RETICENT_REDIS_URL: `redis://127.0.0.1:${port}`,
      RETICENT_QDRANT_URL: `http://127.0.0.1:${port}`,
    };
    const report = await look(env(hanging), ["--timeout-ms", "400", "--url", `http://127.0.0.1:${port}`]);
    expect(report.named("failed")).toEqual([
      "ledger-server",
      "queue-server",
      "traces-server",
      "index-server",
      "service-health",
    ]);
    for (const name of report.named("failed"))
      expect(report.line(name).finding).toMatch(/no answer (in time|within 400 ms)/);
  });

  test("what answers with other bytes, and a network that loses the answers, are told", async () => {
    const proxy = await startProxy(Number(new URL(redis.url).port));
    onTestFinished(() => proxy.close());
    const through = { RETICENT_REDIS_URL: urlOf(`redis://127.0.0.1:${proxy.port}`) };
    proxy.garble();
    expect((await look(env(through), ["--timeout-ms", "1000"])).line("ledger-server").status).toBe("failed");
    await proxy.pass();
    proxy.loseReplies();
    expect((await look(env(through), ["--timeout-ms", "500"])).line("ledger-server").finding).toMatch(/no answer/);
    await proxy.pass();
    expect((await look(env(through))).line("ledger-server").status).toBe("ok");
  });

  test("a user of its own can be looked at with, and one that lacks a right is told", async () => {
    const asUser = { RETICENT_REDIS_URL: redis.url.replace("//", "//reticent:secret-7@"), RETICENT_QUEUE: "bullmq" };
    const other = { RETICENT_QUEUE_REDIS_URL: urlOf(redis.url) };
    await admin.call("ACL", "SETUSER", "reticent", "on", ">secret-7", ...userRules());
    const own = await look(env({ ...asUser, ...other }));
    expect(own.named("failed")).toEqual([]);
    expect(own.line("ledger-store").status).toBe("ok");
    await admin.call("ACL", "SETUSER", "reticent", "+acl", "+time", "-eval", "-evalsha");
    const lacking = await look(env({ ...asUser, ...other }));
    expect(lacking.named("failed")).toEqual(["ledger-user"]);
    expect(lacking.line("ledger-user").finding).toBe("reticent may not evalsha, eval");
    expect(lacking.line("ledger-clock").status).toBe("ok");
    await admin.call("ACL", "DELUSER", "reticent");
  });

  test("a mixture is looked at as what it is: the ledger's file, traces on Redis, the index on Qdrant", async () => {
    const mixed = await look(env({ RETICENT_LEDGER: "sqlite", RETICENT_QUEUE: "local", RETICENT_TRACES: "redis" }));
    expect(mixed).toMatchObject({ code: 0 });
    expect(mixed.line("adapters").finding).toContain("one process alone");
    for (const name of ["data-directory", "ledger-file", "traces-server", "index-points"]) {
      expect(mixed.line(name).status).toBe("ok");
    }
    expect(mixed.line("policy-revision").status).toBe("skipped");
    expect(mixed.lines.filter(({ name }) => ["ledger-server", "trace-file"].includes(name))).toEqual([]);
  });

  test("a replica is refused", async () => {
    const replica = (await startRedis({ own: true })) ?? missing();
    onTestFinished(() => replica.stop());
    const connected = new Redis(replica.url);
    await connected.replicaof("127.0.0.1", Number(new URL(redis.url).port));
    connected.disconnect();
    const report = await look(env({ RETICENT_REDIS_URL: replica.url, RETICENT_QUEUE_REDIS_URL: urlOf(redis.url) }));
    expect(report.named("failed")).toEqual(["ledger-role"]);
  });

  test("a folder that is older than the agreed policy, and one that is newer", async () => {
    const { policy: agreed, supersededPolicies } = keyNames("reticent");
    const mine = (await admin.get(agreed)) ?? "";
    const older = await withFault(
      async () => {
        await admin.set(agreed, "newer-newer");
        await admin.zadd(supersededPolicies, 1, mine);
      },
      async () => {
        await admin.set(agreed, mine);
        await admin.del(supersededPolicies);
      },
    );
    expect(older.named("failed")).toEqual(["policy-revision"]);
    expect(older.line("policy-revision").finding).toContain("older copy");
    const edited = policyFolder({ ...policy, "policy.csv": `${testPolicy["policy.csv"]}# an edit\n` });
    onTestFinished(() => edited.remove());
    const newer = await look(env({ RETICENT_POLICIES: edited.dir }));
    expect(newer).toMatchObject({ code: 0 });
    expect(newer.line("policy-revision").status).toBe("warning");
    expect(await admin.get(agreed)).toBe(mine);
  });

  test("another encoder than the documents were indexed with, and one whose vectors moved", async () => {
    const other = await look(env({ RETICENT_EMBEDDER: "minilm" }));
    expect(other.named("failed")).toEqual(["active-fingerprint"]);
    expect(other.named("warning")).toEqual(["calibration", "documents", "index-collections"]);
    const probes = keyNames("reticent").probes(fingerprint);
    const stored = await admin.hgetallBuffer(probes);
    const [[name, vector] = missing()] = Object.entries(stored);
    const drifted = await withFault(
      () => admin.hset(probes, name, Buffer.from(vector.toReversed())),
      () => admin.hset(probes, name, vector),
    );
    expect(drifted.named("failed")).toEqual(["probe-vectors"]);
  });

  test("an index that would answer otherwise than it has to, each fault by its own line", async () => {
    const name = searched();
    const unindexed = await withFault(
      () => qdrantCall("DELETE", `/collections/${name}/index/grants?wait=true`),
      () =>
        qdrantCall("PUT", `/collections/${name}/index?wait=true`, {
          field_name: "grants",
          field_schema: { type: "keyword" },
        }),
    );
    expect(unindexed.named("failed")).toEqual(["index-payload-indexes"]);
    expect(unindexed.line("index-payload-indexes").finding).toContain("grants");
    const strict = (enabled: boolean) =>
      qdrantCall("PATCH", `/collections/${name}`, { strict_mode_config: { enabled } });
    const lax = await withFault(
      () => strict(false),
      () => strict(true),
    );
    expect(lax.named("failed")).toEqual(["index-strict-mode"]);
    const both = await withFault(
      async () => {
        await strict(false);
        await qdrantCall("DELETE", `/collections/${name}/index/tenant?wait=true`);
      },
      async () => {
        await qdrantCall("PUT", `/collections/${name}/index?wait=true`, {
          field_name: "tenant",
          field_schema: { type: "keyword", is_tenant: true },
        });
        await strict(true);
      },
    );
    expect(both.named("failed")).toEqual(["index-payload-indexes", "index-strict-mode"]);
  });

  test("an index that is not known to be whole, and one that was filled from another ledger", async () => {
    const described = (await qdrantCall("GET", `/collections/${searched()}`)).result as {
      config: { metadata: object };
    };
    const { metadata } = described.config;
    const patch = (changes: object) => qdrantCall("PATCH", `/collections/${searched()}`, { metadata: changes });
    const empty = await withFault(
      () => patch({ filled: "another" }),
      () => patch(metadata),
    );
    expect(empty).toMatchObject({ code: 0 });
    expect(empty.named("warning")).toEqual(["calibration", "index-filled"]);
    const foreign = await withFault(
      () => patch({ ledger: "another" }),
      () => patch(metadata),
    );
    expect(foreign.named("failed")).toEqual(["index-ledger"]);
  });

  test("an index whose alias is gone is told, and is not made", async () => {
    const { search } = aliasesOf("reticent", fingerprint);
    const act = (actions: object[]) => qdrantCall("POST", "/collections/aliases", { actions });
    const report = await withFault(
      () => act([{ delete_alias: { alias_name: search } }]),
      () => act([{ create_alias: { alias_name: search, collection_name: searched() } }]),
    );
    expect(report.named("warning")).toEqual(["calibration", "index-collections"]);
    expect(report.line("index-points").status).toBe("skipped");
  });

  test("a Qdrant that wants a key, is away, or is no Qdrant", async () => {
    const away = await look(env({ RETICENT_QDRANT_URL: `http://127.0.0.1:${await freePort()}` }));
    expect(away.named("failed")).toEqual(["index-server"]);
    for (const key of ["wrong-key-1234", ""]) {
      const refused = await look(env({ RETICENT_QDRANT_API_KEY: key }));
      expect(refused.named("failed")).toEqual(["index-key"]);
      expect(refused.line("index-key").finding).toBe("status 401: the server refuses the key");
      expect(refused.line("index-server").status).toBe("ok");
    }
    const other = await embeddingsServer();
    onTestFinished(() => other.stop());
    const strange = await look(env({ RETICENT_QDRANT_URL: other.baseUrl.replace("/v1", "") }), [
      "--timeout-ms",
      "1000",
    ]);
    expect(strange.named("failed")).toEqual(["index-server"]);
  });

  test("an embeddings endpoint that is away, gives other lengths or other vectors, and a second one that differs", async () => {
    const [first, second] = [await embeddingsServer(), await embeddingsServer()];
    onTestFinished(async () => {
      await first.stop();
      await second.stop();
    });
    const trust = `${testPolicy["trust.yaml"]}  openai/hashed: { floor: 0.02, threshold: 0.2, origin: chosen for tests }\n`;
    const folder = policyFolder({ ...policy, "trust.yaml": trust });
    const key = join(dataDir, "..", "openai-key");
    writeFileSync(key, "sk-in-a-file-1234\n");
    onTestFinished(() => {
      folder.remove();
      rmSync(key);
    });
    const openai = {
      RETICENT_POLICIES: folder.dir,
      RETICENT_EMBEDDER: "openai",
      RETICENT_EMBEDDER_PREVIOUS: "hashed",
      RETICENT_OPENAI_MODEL: "hashed",
      RETICENT_OPENAI_DIMENSIONS: "384",
      RETICENT_OPENAI_BASE_URL: first.baseUrl,
      RETICENT_OPENAI_API_KEY_FILE: key,
      RETICENT_OPENAI_SECOND_BASE_URL: second.baseUrl,
    };
    const asked = async () => look(env(openai), ["--timeout-ms", "2000"]);
    const well = await asked();
    expect(well.named("failed")).toEqual([]);
    expect(well.line("second-endpoint").finding).toContain("gives the vectors of the first endpoint");
    second.turn = 5;
    expect((await asked()).named("failed")).toEqual(["second-endpoint"]);
    second.turn = 0;
    first.mode = "wrong-dimensions";
    expect((await asked()).named("failed")).toEqual(["encoder"]);
    first.mode = "key-in-error";
    const telling = await asked();
    expect(telling.named("failed")).toEqual(["encoder"]);
    expect(telling.text).not.toContain("sk-in-a-file");
    first.mode = "hang";
    expect((await asked()).named("failed")).toEqual(["encoder"]);
    await first.stop();
    const away = await asked();
    expect(away.named("failed")).toEqual(["encoder"]);
    expect(away.line("encoder").finding).toContain("the connection failed");
  });
}

function missing(): never {
  throw new Error("it is not there");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
