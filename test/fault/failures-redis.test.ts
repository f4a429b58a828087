import { afterAll, beforeAll, test } from "vitest";
import { type FailingHouse, failingHouse, goThrough } from "#test/kit/failing-house.ts";
import { redisFaults } from "#test/kit/failing-redis.ts";
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

    for (const dependency of ["ledger", "queue", "traces"] as const) {
      for (const [does, fault] of Object.entries(redisFaults)) {
        test(`gives the documented answers while the ${dependency}'s server ${does}, and loses nothing`, async () => {
          const proxy = house.redis[dependency];
          await goThrough(house, dependency, { begin: () => proxy.begin(fault), end: () => proxy.end() });
        });
      }
      test(`gives the same answers as ever while the ${dependency}'s server is slow`, async () => {
        const proxy = house.redis[dependency];
        await goThrough(house, dependency, { begin: () => proxy.begin("slow"), end: () => proxy.end() }, true);
      });
    }
  },
  { own: true },
);
