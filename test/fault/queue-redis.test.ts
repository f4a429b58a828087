import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { defaultTiming } from "#adapters/queue-bullmq/options.ts";
import type { DocumentKey } from "#core/document.ts";
import { gate } from "#test/kit/gate.ts";
import { describeRedis } from "#test/kit/redis.ts";
import { kill, quick, redisHouses } from "./queue/redis-house.ts";

/** Time for a queue to notice what happened, on a busy machine. */
const long = { timeout: 20_000 };
const key = (id: string): DocumentKey => ({ tenant: "halden", source: "wiki", id });

describeRedis(
  "The queue on Redis under faults",
  () => {
    const openHouse = redisHouses();

    test("a document whose worker is killed in the middle of it, twice, still gets done", async () => {
      const house = await openHouse();
      const producer = await house.open();
      await producer.wake(key("a"));
      await kill(await house.workerInTheMiddle(quick.maxStalled));
      await kill(await house.workerInTheMiddle(quick.maxStalled));
      const handled = gate<string>();
      const worker = await house.open();
      worker.start(async ({ id }) => handled.pass(id));
      expect(await handled.first(1)).toEqual(["a"]);
      await expect.poll(() => producer.depth(), long).toBe(0);
    });

    test("as BullMQ is set up by itself, the second kill fails the job; then the next wake-up gets the document done", async () => {
      const house = await openHouse();
      const producer = await house.open();
      await producer.wake(key("a"));
      const byDefault = 1;
      await kill(await house.workerInTheMiddle(byDefault));
      await kill(await house.workerInTheMiddle(byDefault));
      const handled = gate<string>();
      const givenUp: string[] = [];
      const worker = await house.open({
        timing: { ...quick, maxStalled: byDefault },
        onGiveUp: async ({ id }, error) => void givenUp.push(`${id}: ${String(error)}`),
      });
      worker.start(async ({ id }) => handled.pass(id));
      await expect.poll(() => house.inspector.getFailedCount(), long).toBe(1);
      const [failed] = await house.inspector.getFailed();
      expect(failed?.failedReason).toMatch(/stalled/);
      await expect.poll(() => givenUp, long).toEqual([expect.stringMatching(/^a: .*stalled/)]);
      await producer.wake(key("b"));
      expect(await handled.first(1)).toEqual(["b"]);
      await producer.wake(key("a"), "background");
      expect(await handled.first(2)).toEqual(["b", "a"]);
    });

    test("a wake-up that comes while the worker of its document lies dead runs after the second start", async () => {
      const house = await openHouse();
      const producer = await house.open();
      await producer.wake(key("a"));
      const child = await house.workerInTheMiddle(quick.maxStalled);
      await producer.wake(key("a"));
      await kill(child);
      await producer.wake(key("a"));
      const handled = gate<string>();
      const worker = await house.open();
      worker.start(async ({ id }) => handled.pass(id));
      await handled.first(2);
      await expect.poll(() => producer.depth(), long).toBe(0);
    });

    test("one process only wakes and two only work: wake-ups from anywhere are one, and no document is active twice", async () => {
      const house = await openHouse();
      const producers = [await house.open(), await house.open()];
      const ids = Array.from({ length: 40 }, (_, at) => `d${at}`);
      for (const producer of producers) {
        for (const id of ids) await producer.wake(key(id));
      }
      expect(await producers[0]?.depth()).toBe(ids.length);
      const active = new Set<string>();
      let overlaps = 0;
      const runs = new Map<string, number>();
      const unhurried = { concurrency: 3, timing: defaultTiming };
      for (const worker of [await house.open(unhurried), await house.open(unhurried)]) {
        worker.start(async ({ id }) => {
          if (active.has(id)) overlaps += 1;
          active.add(id);
          runs.set(id, (runs.get(id) ?? 0) + 1);
          await Promise.all(producers.map((producer) => runs.get(id) === 1 && producer.wake(key(id))));
          active.delete(id);
        });
      }
      await expect.poll(() => producers[0]?.depth(), long).toBe(0);
      // Two wake-ups that came while it was active are one run after it.
      expect([...runs.values()]).toEqual(ids.map(() => 2));
      expect(overlaps).toBe(0);
    });

    test("wake-ups survive a restart of the server, and both roles come back by themselves", async () => {
      const house = await openHouse();
      const producer = await house.open();
      await producer.wake(key("before"));
      const handled = gate<string>();
      const worker = await house.open();
      await house.server.kill();
      await expect(producer.wake(key("meanwhile"))).rejects.toBeInstanceOf(Error);
      expect(producer.health()).toEqual({ reachable: false, failedWakes: 1 });
      worker.start(async ({ id }) => handled.pass(id));
      await house.server.restart();
      expect(await handled.first(1)).toEqual(["before"]);
      await expect
        .poll(
          () =>
            producer.wake(key("after")).then(
              () => "woken",
              () => "not yet",
            ),
          long,
        )
        .toBe("woken");
      expect(await handled.first(2)).toEqual(["before", "after"]);
      expect(producer.health().reachable).toBe(true);
    });

    test("a document is not locked out when the server loses some of the queue's keys and keeps others", async () => {
      const house = await openHouse();
      const producer = await house.open();
      const redis = new Redis(house.url);
      const ids = ["a", "b", "c", "d"];
      for (const id of ids) await producer.wake(key(id));
      const [first, second] = await house.inspector.getWaiting(0, 1);
      // Waiting, and nothing says for which document; then, the others in no list.
      await redis.del(house.inspector.toKey(first?.id ?? ""), house.inspector.toKey(second?.id ?? ""));
      const runs: string[] = [];
      const lookOnce = await house.open();
      lookOnce.start(async ({ id }) => void runs.push(id));
      await expect.poll(() => house.inspector.getFailedCount(), long).toBe(2);
      await lookOnce.close();
      for (const id of ids) await producer.wake(key(id));
      await redis.del(house.inspector.toKey("wait"));
      redis.disconnect();
      const handled = gate<string>();
      const worker = await house.open();
      worker.start(async ({ id }) => handled.pass(id));
      for (const id of ids) await producer.wake(key(id), "background");
      expect((await handled.first(4)).toSorted()).toEqual(ids);
      await expect.poll(() => producer.depth(), long).toBe(0);
    });

    test("the last failure of a document is told before anybody else may run it, and the job is kept for a person", async () => {
      const house = await openHouse();
      const told = gate<string>();
      const worker = await house.open({
        onGiveUp: async ({ id }, error) => told.pass(`${id}: ${String(error)}`),
      });
      let tries = 0;
      worker.start(async () => {
        tries += 1;
        throw new Error(`try ${tries}`);
      });
      await worker.wake(key("a"));
      expect(await told.first(1)).toEqual(["a: Error: try 3"]);
      await expect.poll(() => house.inspector.getFailedCount(), long).toBe(1);
      const [job] = await house.inspector.getFailed();
      expect(job?.failedReason).toBe("failed: try 3");
      expect(job?.stacktrace).toEqual([]);
    });
  },
  { own: true },
);
