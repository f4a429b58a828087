import { afterAll, beforeAll, expect, test } from "vitest";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { keyOf } from "#test/kit/documents.ts";
import { type FailingHouse, failingHouse, goThrough } from "#test/kit/failing-house.ts";
import { failingRedis, redisFaults } from "#test/kit/failing-redis.ts";
import { healthy } from "#test/kit/failure-table.ts";
import { describeRedis, startRedis } from "#test/kit/redis.ts";

// Every operation of a whole service while one of its Redis servers fails, in every way that such a server does.

describeRedis(
  "A service whose Redis fails",
  () => {
    let house: FailingHouse;
    beforeAll(async () => {
      house = await failingHouse();
    });
    afterAll(() => house?.close());

    test("says that wake-ups get through again although nobody sends one", async () => {
      const server = await startRedis({ own: true });
      const proxy = await failingRedis(server?.url ?? "");
      const untold = async () => {};
      const events = { onGiveUp: untold, onError: () => {}, onTrouble: () => {} };
      const times = { concurrency: 1, maxAttempts: 1, backoffMs: 1, maxBackoffMs: 1, answerMs: 500 };
      const queue = await openBullQueue({ url: proxy.url, ...times, ...events });
      await proxy.begin(redisFaults["answers every command with an error"]);
      await expect(queue.wake(keyOf("lamp"))).rejects.toBeInstanceOf(Error);
      expect(queue.health().reachable).toBe(false);
      // On the very connection, whose end would be news enough.
      await proxy.begin(null);
      await expect.poll(() => queue.health().reachable, { timeout: 20_000 }).toBe(true);
      await queue.close();
      await proxy.close();
      await server?.stop();
    });

    for (const [dependency, whose] of [
      ["ledger", "the ledger's"],
      ["queue", "the queue's"],
      ["traces", "the traces'"],
    ] as const) {
      for (const [does, fault] of Object.entries(redisFaults)) {
        test(`gives the documented answers while ${whose} server ${does}, and loses nothing`, async () => {
          const proxy = house.redis[dependency];
          // To ask for one key and to be told that there is none is what a trace looks like that was erased.
          const gone = dependency === "traces" && fault === redisFaults["answers with nothing"];
          const otherwise = gone ? { trace: { status: 404, code: "not-found" } } : {};
          expect(
            await goThrough(house, dependency, { begin: () => proxy.begin(fault), end: () => proxy.end() }, otherwise),
          ).toEqual([]);
        });
      }
      test(`gives the same answers as ever while ${whose} server is slow`, async () => {
        const proxy = house.redis[dependency];
        expect(
          await goThrough(house, dependency, { begin: () => proxy.begin("slow"), end: () => proxy.end() }, healthy),
        ).toEqual([]);
      });
    }
  },
  { own: true },
);
