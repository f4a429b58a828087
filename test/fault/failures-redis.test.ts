import { afterAll, beforeAll, expect, test } from "vitest";
import { type FailingHouse, failingHouse, goThrough } from "#test/kit/failing-house.ts";
import { redisFaults } from "#test/kit/failing-redis.ts";
import { healthy } from "#test/kit/failure-table.ts";
import { describeRedis } from "#test/kit/redis.ts";

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
      const { service, redis } = house;
      const codes = async () => (await service.call("gwen", ["guests"], "GET", "/readyz")).body.codes;
      await redis.queue.begin(redisFaults["answers every command with an error"]);
      // A repeat, which leaves nothing to be indexed, and so nothing to be woken for later.
      await expect
        .poll(async () => {
          await service.put("lamp", "The lamp of the lighthouse burns amber.");
          return codes();
        })
        .toContain("queue-unreachable");
      // On the very connection, whose end would be news enough.
      await redis.queue.begin(null);
      await expect.poll(codes, { timeout: 20_000 }).not.toContain("queue-unreachable");
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
