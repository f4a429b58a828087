import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keyNames } from "#adapters/ledger-redis/names.ts";
import type { RedisLedger } from "#adapters/ledger-redis/redis-ledger.ts";
import { nobody } from "#core/access/acl.ts";
import type { DocumentKey } from "#core/document.ts";
import { fingerprint, makeLive } from "#test/contract/ledger/support.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { indexFaults } from "#test/kit/redis-indexes.ts";

const refused = { code: "ledger-unavailable" };
const key = keyOf("page");

describeRedis(
  "ledger-redis over the death of its server",
  () => {
    let redis: TestRedis;
    const closers: (() => unknown)[] = [];

    beforeEach(async () => {
      const started = await startRedis({ own: true });
      if (started === undefined) throw new Error("there is no Redis");
      redis = started;
      closers.push(() => started.stop());
    });
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
    });

    async function open(options: Parameters<typeof openTestLedger>[1] = {}): Promise<RedisLedger> {
      const { ledger } = await openTestLedger(redis, options);
      closers.push(() => ledger.close());
      return ledger;
    }

    /** Somebody else's hands in the same Redis. */
    function hands(): Redis {
      const client = new Redis(redis.url);
      closers.push(() => client.disconnect());
      return client;
    }

    const answered = (ledger: RedisLedger) => vi.waitFor(() => ledger.read([key]), { timeout: 20_000, interval: 20 });

    test("killed in the middle of writes, it has lost nothing that was acknowledged, and is used again without a restart", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key));
      for (let round = 0; round < 3; round += 1) {
        const accepted: DocumentKey[] = [];
        const revoked: DocumentKey[] = [];
        const lanes = Array.from({ length: 8 }, async (_, lane) => {
          // Each goes on until the server is gone.
          for (let number = 0; ; number += 1) {
            const one = keyOf(`${round}-${lane}-${number}`);
            await ledger.putDocument(putOf(one));
            accepted.push(one);
            await makeLive(ledger, one);
            await ledger.putAccess({ key: one, access: nobody });
            revoked.push(one);
          }
        });
        const ended = Promise.allSettled(lanes);
        await vi.waitFor(() => expect(revoked.length).toBeGreaterThan(30), { timeout: 30_000 });
        await redis.kill();
        for (const result of await ended) {
          expect(result).toMatchObject({ status: "rejected", reason: refused });
        }
        await expect(ledger.read([key])).rejects.toMatchObject(refused);
        await redis.restart();
        await answered(ledger);
        expect((await ledger.read(accepted)).filter((record) => record === undefined)).toEqual([]);
        for (const record of await ledger.read(revoked)) expect(record?.access).toEqual(nobody);
        for (const record of await ledger.read(revoked)) expect(record?.live[fingerprint]?.access).toEqual(nobody);
        for (const one of accepted) expect(await ledger.readBody(one, 1)).toBe(`Text of ${one.id}.`);
      }
      expect(await indexFaults(redis.url, "reticent")).toEqual([]);
    });

    test("a server that hangs is refused, and used again once it goes on", async () => {
      const ledger = await open({ timeoutMs: 200 });
      await ledger.putDocument(putOf(key));
      redis.pause();
      await expect(ledger.read([key])).rejects.toMatchObject(refused);
      await expect(ledger.putAccess({ key, access: nobody })).rejects.toMatchObject(refused);
      redis.resume();
      await answered(ledger);
      expect((await ledger.putAccess({ key, access: nobody })).accessRevision).toBe(2);
    });

    test("a store that was emptied under a running process answers nothing, least of all that nobody is disabled", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key));
      await ledger.setDisabled("halden", "user:erin", true);
      await hands().flushall();
      await expect(ledger.read([key])).rejects.toMatchObject(refused);
      await expect(ledger.disabledAmong("halden", ["user:erin"])).rejects.toMatchObject(refused);
      await expect(ledger.putDocument(putOf(key))).rejects.toMatchObject(refused);
      await expect(ledger.readBody(key, 1)).rejects.toMatchObject(refused);
      await expect(ledger.list({ tenant: "halden", state: "stored", fingerprint, limit: 1 })).rejects.toMatchObject(
        refused,
      );
      // Nor when another process has begun a new one there.
      await open();
      await expect(ledger.read([key])).rejects.toMatchObject(refused);
      await expect(ledger.setDisabled("halden", "user:erin", true)).rejects.toMatchObject(refused);
    });

    test("a store that is expected and not there, or another one, does not open", async () => {
      const { storeId } = await open();
      expect((await open({ expectedStoreId: storeId })).storeId).toBe(storeId);
      await hands().flushall();
      await expect(openTestLedger(redis, { expectedStoreId: storeId })).rejects.toThrow("it was emptied");
      await open();
      await expect(openTestLedger(redis, { expectedStoreId: storeId })).rejects.toThrow("is expected");
    });

    test("documents without the store's own key are not taken over by a new store", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key));
      await hands().del(keyNames("reticent").registry);
      await expect(openTestLedger(redis)).rejects.toMatchObject(refused);
    });

    test("a store that went back in time is refused, unless that was declared acceptable", async () => {
      const ledger = await open();
      const relaxed = await open({ durability: "relaxed" });
      await ledger.putDocument(putOf(key));
      await relaxed.read([key]);
      const client = hands();
      await ledger.putAccess({ key, access: nobody });
      await relaxed.read([key]);
      await client.set(keyNames("reticent").writes, 2);
      await expect(ledger.read([key])).rejects.toMatchObject(refused);
      await expect(ledger.putDocument(putOf(key, { version: 2 }))).rejects.toMatchObject(refused);
      expect(await relaxed.read([key])).toMatchObject([{ access: nobody }]);
    });

    test("a store of another version, and a value that is not a record, are errors and no guesses", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key));
      const client = hands();
      const { document, registry } = keyNames("reticent");
      const name = "halden,wiki,page";
      const good = (await client.get(document(name))) ?? "";
      for (const bad of ["", "1 {}", good.replace('"everyone"', '"everybody"'), good.replace('"page"', '"other"')]) {
        await client.set(document(name), bad);
        await expect(ledger.read([key])).rejects.toMatchObject(refused);
        await expect(ledger.putAccess({ key, access: nobody })).rejects.toMatchObject(refused);
      }
      await client.set(registry, ((await client.get(registry)) ?? "").replace('"format":1', '"format":9'));
      await expect(openTestLedger(redis)).rejects.toThrow("version 9");
    });

    test("a body that was damaged is an error, not another text", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key, { body: "Text. ".repeat(100) }));
      const client = hands();
      const name = keyNames("reticent").body("halden,wiki,page");
      const bytes = await client.getBuffer(name);
      const damaged = Buffer.from(bytes ?? "");
      damaged[12] = (damaged[12] ?? 0) ^ 0x10;
      await client.set(name, damaged);
      await expect(ledger.readBody(key, 1)).rejects.toMatchObject(refused);
    });

    test("a full Redis refuses writes as a whole and goes on answering", async () => {
      const ledger = await open();
      await ledger.putDocument(putOf(key));
      await hands().config("SET", "maxmemory", "1mb");
      await expect(ledger.putDocument(putOf(key, { version: 2 }))).rejects.toMatchObject(refused);
      await expect(ledger.putAccess({ key, access: nobody })).rejects.toMatchObject(refused);
      expect((await ledger.read([key]))[0]).toMatchObject({ accessRevision: 1, lastGeneration: 1 });
      expect(await ledger.readBody(key, 1)).toBe("Text of page.");
      await hands().config("SET", "maxmemory", "0");
      expect((await ledger.putAccess({ key, access: nobody })).accessRevision).toBe(2);
      expect(await indexFaults(redis.url, "reticent")).toEqual([]);
    });
  },
  { own: true },
);
