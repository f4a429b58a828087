import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Mode } from "#test/kit/embeddings-server.ts";
import { type FailingHouse, failingHouse, goThrough } from "#test/kit/failing-house.ts";
import { failureTable, healthy } from "#test/kit/failure-table.ts";
import { describeRedis } from "#test/kit/redis.ts";

// Every operation of a whole service while its embeddings endpoint fails, in the ways that differ for the service.

const faults: Readonly<Record<string, Mode | "refused">> = {
  "refuses connections": "refused",
  hangs: "hang",
  "never comes to the end of an answer": "slow-drip",
  "answers with an error status": "error",
  "limits the rate": "rate-limited",
  "answers garbage": "html",
  "answers another shape": "no-data",
  "answers with vectors of another length": "wrong-dimensions",
  "answers with an empty body": "empty",
};

describeRedis(
  "A service whose embeddings endpoint fails",
  () => {
    let house: FailingHouse;
    beforeAll(async () => {
      house = await failingHouse();
    });
    afterAll(() => house?.close());

    for (const [does, fault] of Object.entries(faults)) {
      test(`gives the documented answers while it ${does}, and loses nothing`, async () => {
        const { endpoint } = house;
        expect(
          await goThrough(house, "endpoint", {
            begin: async () => {
              if (fault === "refused") await endpoint.stop();
              else endpoint.mode = fault;
            },
            end: async () => {
              if (fault === "refused") await endpoint.start();
              else endpoint.mode = "floats";
            },
          }),
        ).toEqual([]);
      });
    }

    test("gives the same answers as ever while it is slow", async () => {
      const { endpointProxy } = house;
      const trouble = { begin: () => endpointProxy.begin("slow"), end: () => endpointProxy.end() };
      expect(await goThrough(house, "endpoint", trouble, healthy)).toEqual([]);
    });
  },
  { own: true },
);

test("the documented answers are the ones that were seen", () => {
  const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  expect(page.includes(failureTable()) ? "" : failureTable()).toBe("");
});
