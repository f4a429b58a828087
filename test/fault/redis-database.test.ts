import { Redis } from "ioredis";
import { afterEach, expect, test, vi } from "vitest";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { eraseKeys } from "#adapters/redis/erase.ts";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import { Closers } from "#services/ports/closers.ts";
import { openSharedQueue, openSharedStore, openSharedTraces } from "#services/ports/shared.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { startProxy } from "#test/kit/tcp-proxy.ts";

// The library goes on in database 0 when a server does not have the one of the URL.

const patience = { timeout: 20_000, interval: 50 };
const retention = { maxAgeMs: 1_000, maxCount: 10 };
const key = keyOf("page");

describeRedis(
  "a database that the server does not have",
  () => {
    const closers: (() => unknown)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).toReversed()) await close();
    });

    async function start(databases: number): Promise<TestRedis> {
      const redis = await startRedis({ config: { databases: String(databases) } });
      if (redis === undefined) throw new Error("there is no Redis");
      closers.push(() => redis.stop());
      return redis;
    }

    function hands(redis: TestRedis, database = 0): Redis {
      const client = new Redis(`${redis.url}/${database}`);
      closers.push(() => client.disconnect());
      return client;
    }

    const queueAt = (url: string) =>
      openBullQueue({
        url,
        concurrency: 1,
        maxAttempts: 1,
        backoffMs: 1,
        maxBackoffMs: 1,
        onGiveUp: async () => {},
        onError: () => {},
        onTrouble: () => {},
      });
    const tracesAt = (url: string) => openRedisTraceStore({ url, clock: () => 0, retention });

    test("ledger, queue and traces are refused at the start with one line that names the setting, and write nothing", async () => {
      const redis = await start(16);
      const url = `${redis.url.replace("//", "//:secret@")}/99`;
      const admin = hands(redis);
      await admin.config("SET", "requirepass", "secret");
      const closing = new Closers();
      closers.push(() => closing.close());
      const events = { onGiveUp: async () => {}, onError: () => {} };
      const tell = () => {};
      for (const durability of ["always", "relaxed"] as const) {
        const at = { url, queueUrl: url, durability, namespace: "reticent" };
        const why = "Redis: database 99 cannot be selected (the server has fewer)";
        const wrong = { name: "ConfigError", message: `RETICENT_REDIS_URL: ${why}` };
        await expect(openSharedStore(at, () => 0, closing, tell)).rejects.toMatchObject(wrong);
        await expect(openSharedTraces(at, { traceRetention: retention }, () => 0, tell)).rejects.toMatchObject(wrong);
        await expect(openSharedQueue(at, 4_000, events)).rejects.toMatchObject(wrong);
        const other = { ...at, url: redis.url };
        await expect(openSharedQueue(other, 4_000, events)).rejects.toMatchObject({
          name: "ConfigError",
          message: `RETICENT_QUEUE_REDIS_URL: ${why}`,
        });
      }
      expect(await admin.dbsize()).toBe(0);
    });

    test("a server that has it is used in it, and in no other", async () => {
      const redis = await start(16);
      const { ledger } = await openTestLedger(redis, { url: `${redis.url}/7` });
      closers.push(() => ledger.close());
      const queue = await queueAt(`${redis.url}/8`);
      closers.push(() => queue.close());
      await ledger.putDocument(putOf(key));
      await queue.wake(key);
      expect(await hands(redis).dbsize()).toBe(0);
      expect(await hands(redis, 7).dbsize()).toBeGreaterThan(0);
      expect(await hands(redis, 8).dbsize()).toBeGreaterThan(0);
    });

    test("after a reconnection to a server with fewer, nothing is read or written, and all is well once it has them again", async () => {
      const [many, few] = [await start(16), await start(2)];
      const portOf = ({ url }: TestRedis): number => Number(new URL(url).port);
      const proxy = await startProxy(portOf(many));
      closers.push(() => proxy.close());
      const url = `redis://127.0.0.1:${proxy.port}/7`;
      const { ledger } = await openTestLedger(many, { url });
      closers.push(() => ledger.close());
      const queue = await queueAt(url);
      closers.push(() => queue.close());
      const handled: unknown[] = [];
      queue.start(async (one) => void handled.push(one));
      const traces = await tracesAt(url);
      closers.push(() => traces.close());
      await ledger.putDocument(putOf(key));
      await queue.wake(key);
      await vi.waitFor(() => expect(handled).toHaveLength(1), patience);

      proxy.redirect(portOf(few));
      await vi.waitFor(async () => {
        expect(await ledger.read([key]).catch((error: unknown) => error)).toMatchObject({
          code: "ledger-unavailable",
          cause: { message: expect.stringContaining("database 7 cannot be selected") },
        });
      }, patience);
      await expect(ledger.putDocument(putOf(key))).rejects.toMatchObject({ code: "ledger-unavailable" });
      await expect(queue.wake(key)).rejects.toBeInstanceOf(Error);
      await expect(traces.get("one", "x")).rejects.toMatchObject({ code: "traces-unavailable" });
      expect(queue.health().reachable).toBe(false);
      expect(await hands(few).dbsize()).toBe(0);

      // Nor by the connection that a worker waits on, which the queue's library makes from ours.
      const asked = await vi.waitFor(async () => {
        const stats = await hands(few).info("commandstats");
        expect(Number(/cmdstat_select:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(20);
        return stats;
      }, patience);
      expect(asked).not.toMatch(/cmdstat_(bzpopmin|eval|evalsha|mget|get|set)\b/);

      proxy.redirect(portOf(many));
      await vi.waitFor(() => ledger.read([key]), patience);
      await vi.waitFor(() => queue.wake(key), patience);
      await vi.waitFor(() => expect(handled.length).toBeGreaterThan(1), patience);
      await vi.waitFor(() => traces.get("one", "x"), patience);
      expect(await hands(few).dbsize()).toBe(0);
    });

    test("keys are not erased in database 0 instead", async () => {
      const redis = await start(2);
      await hands(redis).set("kept", "1");
      await expect(eraseKeys(`${redis.url}/5`, "*")).rejects.toThrow("database 5 cannot be selected");
      expect(await hands(redis).exists("kept")).toBe(1);
    });
  },
  { own: true },
);
