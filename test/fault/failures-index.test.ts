import { afterAll, beforeAll, test } from "vitest";
import { type FailingHouse, failingHouse, goThrough } from "#test/kit/failing-house.ts";
import { httpFaults } from "#test/kit/failing-http.ts";
import { healthy } from "#test/kit/failure-table.ts";
import { describeRedis } from "#test/kit/redis.ts";

// Every operation of a whole service while its Qdrant fails. Without a program of it, an imitation answers.

describeRedis(
  "A service whose Qdrant fails",
  () => {
    let house: FailingHouse;
    beforeAll(async () => {
      house = await failingHouse();
    });
    afterAll(() => house?.close());

    for (const [does, fault] of Object.entries(httpFaults)) {
      test(`gives the documented answers while it ${does}, and loses nothing`, async () => {
        const { qdrant } = house;
        await goThrough(house, "index", { begin: () => qdrant.begin(fault), end: () => qdrant.end() });
      });
    }

    test("gives the same answers as ever while it is slow", async () => {
      const { qdrant } = house;
      await goThrough(house, "index", { begin: () => qdrant.begin("slow"), end: () => qdrant.end() }, healthy);
    });
  },
  { own: true },
);
