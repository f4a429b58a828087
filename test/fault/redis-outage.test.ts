import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import { gate } from "#test/kit/gate.ts";
import { openIndexer, page } from "#test/kit/indexer.ts";
import { describeRedis } from "#test/kit/redis.ts";
import { startProxy, type TcpProxy } from "#test/kit/tcp-proxy.ts";
import { feedback, keepAll, trace } from "#test/kit/traces.ts";
import { quick, redisHouses } from "./queue/redis-house.ts";

/** A worker looks for what another connection left every few seconds; everything else comes back within a second. */
const long = { timeout: 40_000 };

const faults: readonly (readonly [string, (proxy: TcpProxy) => unknown])[] = [
  ["refuses", (proxy) => proxy.refuse()],
  ["hangs", (proxy) => proxy.keepRequests()],
  ["loses its replies", (proxy) => proxy.loseReplies()],
  ["answers garbage", (proxy) => proxy.garble()],
];

/** Ends a fault. No connection lives on whose bytes were lost: it would take every later reply for the one before. */
async function end(proxy: TcpProxy): Promise<void> {
  await proxy.refuse();
  await proxy.pass();
}

const getsThrough = (queue: JobQueue, id: string): Promise<boolean> =>
  queue.wake({ tenant: "halden", source: "wiki", id }).then(
    () => true,
    () => false,
  );

describeRedis(
  "A Redis that is not what it should be",
  () => {
    const openHouse = redisHouses();

    async function openBehindProxy(answerMs = 300) {
      const house = await openHouse();
      const { port } = new URL(house.url);
      const proxy = await startProxy(Number(port));
      const troubles: string[] = [];
      const queue = await openBullQueue({
        url: `redis://127.0.0.1:${proxy.port}`,
        prefix: house.prefix,
        concurrency: 1,
        maxAttempts: 3,
        backoffMs: 1,
        maxBackoffMs: 1,
        onGiveUp: async () => {},
        onError: () => {},
        onTrouble: (error) => troubles.push(String(error)),
        answerMs,
        timing: quick,
      });
      const close = async () => {
        await queue.close();
        await proxy.close();
      };
      return { house, proxy, queue, troubles, close };
    }

    for (const [does, begin] of faults) {
      test(`documents are accepted while the queue's server ${does}, it shows, and nothing has to be restarted`, async () => {
        const { proxy, queue, troubles, close } = await openBehindProxy();
        const indexer = await openIndexer();
        indexer.worker.onWake = (key) => queue.wake(key);
        const handled: string[] = [];
        queue.start(async ({ id }) => void handled.push(id));
        const put = (id: string) =>
          indexer.ask("sam", `/v1/documents/wiki/${id}`, { method: "PUT", body: { ...page, title: id } });

        expect((await put("before")).status).toBe(202);
        await expect.poll(() => handled, long).toEqual(["before"]);
        await begin(proxy);
        for (const id of ["one", "two", "three"]) {
          expect((await put(id)).status).toBe(202);
          expect((await indexer.ask("sam", `/v1/documents/wiki/${id}`)).body).toMatchObject({
            document: { state: "indexing" },
          });
        }
        // No answer waited for its wake-up.
        await expect.poll(() => queue.health(), long).toEqual({ reachable: false, failedWakes: 3 });
        expect(troubles.length).toBeGreaterThan(0);
        await expect(queue.depth()).rejects.toBeInstanceOf(Error);

        await end(proxy);
        await expect.poll(() => getsThrough(queue, "one"), long).toBe(true);
        // What was done when the connection went may be done again, before it.
        await expect.poll(() => handled, long).toContain("one");
        expect(queue.health().reachable).toBe(true);
        await indexer.close();
        await close();
      });
    }

    test("a slow server makes wake-ups slow, not lost", async () => {
      const { proxy, queue, close } = await openBehindProxy(20_000);
      proxy.keepRequests();
      const slowly = setInterval(() => void proxy.pass().then(() => proxy.keepRequests()), 20);
      const handled = gate<string>();
      queue.start(async ({ id }) => handled.pass(id));
      for (const id of ["a", "b", "c"]) await queue.wake({ tenant: "halden", source: "wiki", id });
      expect(await handled.first(3)).toEqual(["a", "b", "c"]);
      expect(queue.health()).toEqual({ reachable: true, failedWakes: 0 });
      clearInterval(slowly);
      await proxy.pass();
      await close();
    });

    test("a queue opened while its server is away works once it is there", async () => {
      const house = await openHouse();
      const { port } = new URL(house.url);
      const proxy = await startProxy(Number(port));
      await proxy.refuse();
      const queue = await house.open({ url: `redis://127.0.0.1:${proxy.port}`, answerMs: 300 });
      const handled = gate<string>();
      queue.start(async ({ id }) => handled.pass(id));
      expect(await getsThrough(queue, "a")).toBe(false);
      await proxy.pass();
      await expect.poll(() => getsThrough(queue, "a"), long).toBe(true);
      expect((await handled.first(1))[0]).toBe("a");
      await queue.close();
      await proxy.close();
    });

    for (const [does, begin] of faults) {
      test(`a queue is closed in a bounded time while its server ${does}, also in the middle of a document`, async () => {
        const { proxy, queue, close } = await openBehindProxy();
        const entered = gate<void>();
        const leave = gate<void>();
        let finished = false;
        queue.start(async () => {
          entered.pass();
          await leave.first(1);
          finished = true;
        });
        await queue.wake({ tenant: "halden", source: "wiki", id: "a" });
        await entered.first(1);
        await begin(proxy);
        const closed = queue.close();
        leave.pass();
        await closed;
        expect(finished).toBe(true);
        await close();
      });

      test(`traces wait while their server ${does}, reads say so, and nothing is lost once it is back`, async () => {
        const house = await openHouse();
        const { port } = new URL(house.url);
        const proxy = await startProxy(Number(port));
        const common = { prefix: randomUUID(), clock: () => 1_000, retention: keepAll, answerMs: 300 };
        const store = await openRedisTraceStore({ ...common, url: `redis://127.0.0.1:${proxy.port}`, flushMs: 1 });
        const other = await openRedisTraceStore({ ...common, url: house.url });
        await begin(proxy);
        for (let at = 0; at < 300; at += 1) store.record(trace(`ret_${at}`));
        // Own traces are still at hand.
        expect(await store.get("halden", "ret_7")).toEqual(trace("ret_7"));
        for (const read of [
          () => store.get("halden", "ret_x"),
          () => store.judge(feedback("ret_7")),
          () => store.feedback("halden", "ret_7"),
          () => store.allFeedback("halden", null, 10),
        ]) {
          await expect(read()).rejects.toMatchObject({ code: "traces-unavailable" });
        }
        await end(proxy);
        await expect.poll(() => other.get("halden", "ret_299"), long).toEqual(trace("ret_299"));
        expect(await other.judge(feedback("ret_7"))).toBe("kept");
        expect(await store.feedback("halden", "ret_7")).toEqual([feedback("ret_7")]);
        expect(store.lost()).toBe(0);
        await store.close();
        await other.close();
        await proxy.close();
      });
    }
  },
  { own: true },
);
