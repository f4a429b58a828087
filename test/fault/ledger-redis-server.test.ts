import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterEach, expect, test, vi } from "vitest";
import { UnusableRedis } from "#adapters/ledger-redis/server-check.ts";
import { nobody } from "#core/access/acl.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";

const key = keyOf("page");
const refused = { code: "ledger-unavailable" };
const patience = { timeout: 20_000, interval: 50 };

describeRedis(
  "ledger-redis on a server that is not set up for it",
  () => {
    const closers: (() => unknown)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
    });

    async function start(config: Readonly<Record<string, string>>): Promise<TestRedis> {
      const redis = await startRedis({ config });
      if (redis === undefined) throw new Error("there is no Redis");
      closers.push(() => redis.stop());
      return redis;
    }

    async function openOn(redis: TestRedis, options: Parameters<typeof openTestLedger>[1] = {}) {
      const { ledger } = await openTestLedger(redis, options);
      closers.push(() => ledger.close());
      return ledger;
    }

    function hands(redis: TestRedis): Redis {
      const client = new Redis(redis.url);
      closers.push(() => client.disconnect());
      return client;
    }

    for (const [setting, value, line] of [
      ["maxmemory-policy", "allkeys-lru", 'Redis: maxmemory-policy must be "noeviction" and is "allkeys-lru"'],
      ["appendonly", "no", 'Redis: appendonly must be "yes" and is "no"'],
      ["appendfsync", "everysec", 'Redis: appendfsync must be "always" and is "everysec"'],
      ["no-appendfsync-on-rewrite", "yes", 'Redis: no-appendfsync-on-rewrite must be "no" and is "yes"'],
    ] as const) {
      test(`${setting} ${value} is refused with one line, and taken with the same line as a warning where durability is relaxed`, async () => {
        const redis = await start({ [setting]: value });
        const error: unknown = await openTestLedger(redis).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(UnusableRedis);
        expect(String(error)).toContain(line);
        expect(String(error).split("\n")).toHaveLength(1);
        const ledger = await openOn(redis, { durability: "relaxed" });
        expect(await ledger.findings()).toMatchObject({ durability: "relaxed", refusals: [] });
        expect((await ledger.findings()).warnings).toEqual([expect.stringContaining(line)]);
        expect((await ledger.putDocument(putOf(key))).outcome).toBe("created");
      });
    }

    test("everything that is wrong is said at once, one line each", async () => {
      const redis = await start({ appendonly: "no", appendfsync: "no", "maxmemory-policy": "volatile-ttl" });
      const error: unknown = await openTestLedger(redis).catch((reason: unknown) => reason);
      expect(String(error).split("\n")).toHaveLength(3);
    });

    test("a server that is as it must be is told as it is", async () => {
      const redis = await start({});
      const ledger = await openOn(redis);
      expect(await ledger.findings()).toEqual({
        version: expect.stringMatching(/^\d+\.\d+/),
        role: "master",
        clustered: false,
        maxmemoryPolicy: "noeviction",
        appendonly: "yes",
        appendfsync: "always",
        noAppendfsyncOnRewrite: "no",
        durability: "strict",
        refusals: [],
        warnings: [],
      });
    });

    test("a replica is refused whatever the durability, and so is a cluster", async () => {
      const primary = await start({});
      const port = new URL(primary.url).port;
      const replica = await start({ replicaof: `127.0.0.1 ${port}` });
      const cluster = await start({ "cluster-enabled": "yes" });
      for (const durability of ["strict", "relaxed"] as const) {
        await expect(openTestLedger(replica, { durability })).rejects.toThrow('role is "slave"');
        await expect(openTestLedger(cluster, { durability })).rejects.toThrow("cluster mode is on");
      }
    });

    test("a primary that is demoted is not read from any more, and is used again once it is promoted", async () => {
      const redis = await start({});
      const ledger = await openOn(redis);
      await ledger.putDocument(putOf(key));
      const client = hands(redis);
      await client.replicaof("127.0.0.1", "1");
      await expect(ledger.putAccess({ key, access: nobody })).rejects.toMatchObject(refused);
      await vi.waitFor(() => expect(ledger.read([key])).rejects.toMatchObject(refused), patience);
      await client.replicaof("NO", "ONE");
      await vi.waitFor(() => ledger.read([key]), patience);
      expect((await ledger.putAccess({ key, access: nobody })).accessRevision).toBe(2);
    });

    test("a setting that is changed while the ledger is in use stops it, until it is changed back", async () => {
      const redis = await start({});
      const ledger = await openOn(redis);
      const client = hands(redis);
      await client.config("SET", "appendfsync", "everysec");
      expect((await ledger.findings()).refusals).toHaveLength(1);
      await expect(ledger.putDocument(putOf(key))).rejects.toMatchObject(refused);
      await expect(ledger.read([key])).rejects.toMatchObject(refused);
      await client.config("SET", "appendfsync", "always");
      await vi.waitFor(() => ledger.putDocument(putOf(key)), patience);
    });

    test("a URL that ioredis would misread is refused without being repeated, and one cannot change the ledger's settings", async () => {
      const redis = await start({});
      for (const url of ["redis//:secret@127.0.0.1", "http://:secret@127.0.0.1", ":secret", ""]) {
        const error: unknown = await openTestLedger(redis, { url }).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(RangeError);
        expect(String(error)).not.toContain("secret");
      }
      await expect(openTestLedger(redis, { url: `${redis.url}?enableOfflineQueue=true` })).rejects.toThrow("no query");
      await expect(openTestLedger(redis, { namespace: "a}b" })).rejects.toThrow("one word");
    });

    test("no error tells a password, or what was written", async () => {
      const redis = await start({});
      const url = redis.url.replace("//", "//somebody:secret@");
      const told: unknown[] = [];
      const error: unknown = await openTestLedger(redis, { url, onError: (one) => told.push(one) }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject(refused);
      const ledger = await openOn(redis, { onError: (one) => told.push(one) });
      await ledger.read([key]);
      await hands(redis).config("SET", "maxmemory", "1");
      const put = putOf(key, { title: "The secret title" });
      const full: unknown = await ledger.putDocument(put).catch((reason: unknown) => reason);
      expect(full).toMatchObject({ ...refused, cause: { message: expect.stringContaining("OOM") } });
      const text = inspect([error, told, full], { depth: 10, showHidden: true });
      expect(text).toContain("WRONGPASS");
      expect(text).not.toContain("secret");
    });

    test("a restart with another configuration is noticed before anything is read", async () => {
      const redis = await start({});
      const ledger = await openOn(redis);
      await ledger.putDocument(putOf(key));
      const client = hands(redis);
      // What a restart would bring: this connection goes, the next one meets other settings.
      await client.config("SET", "maxmemory-policy", "allkeys-random");
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await vi.waitFor(async () => {
        const error = await ledger.read([key]).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "ledger-unavailable", cause: expect.any(UnusableRedis) });
      }, patience);
      await client.config("SET", "maxmemory-policy", "noeviction");
      expect(await vi.waitFor(() => ledger.read([key]), patience)).toHaveLength(1);
    });
  },
  { own: true },
);
