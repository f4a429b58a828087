import * as fc from "fast-check";
import { expect, test } from "vitest";
import { makeWorker } from "#core/ingest/worker.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { type IngestHouse, ingestHouse } from "#test/kit/ingest-house.ts";
import { describeRedis } from "#test/kit/redis.ts";
import { redisHouses } from "./queue/redis-house.ts";

const isLagging = (house: IngestHouse) => house.ledger.lagging(house.fingerprint, 1_000);

describeRedis(
  "What the queue on Redis loses, the reconciler finds",
  () => {
    const openHouse = redisHouses();

    test("losing every key of the queue loses no document", async () => {
      const [house, redis] = [await ingestHouse(), await openHouse()];
      const queue = await redis.open();
      for (let at = 0; at < 20; at += 1) {
        const key = keyOf(`d${at}`);
        await house.ledger.putDocument(putOf(key));
        await queue.wake(key);
      }
      await redis.flush();
      expect(await queue.depth()).toBe(0);
      const worker = await redis.open();
      worker.start(makeWorker(house));
      expect(await isLagging(house)).toHaveLength(20);
      expect((await house.reconciler({ queue }).sweep()).woken).toBe(20);
      await expect.poll(() => isLagging(house), { timeout: 20_000 }).toEqual([]);
    });

    test("whatever is lost, repeated or restarted in between, sweeps bring every document to its newest content", async () => {
      const step = fc.oneof(
        { weight: 8, arbitrary: fc.record({ does: fc.constant("put" as const), at: fc.nat(4), wakes: fc.boolean() }) },
        { weight: 2, arbitrary: fc.record({ does: fc.constant("flush" as const) }) },
        { weight: 1, arbitrary: fc.record({ does: fc.constant("kill" as const) }) },
        { weight: 2, arbitrary: fc.record({ does: fc.constant("restart" as const) }) },
        { weight: 2, arbitrary: fc.record({ does: fc.constant("replace worker" as const) }) },
        { weight: 2, arbitrary: fc.record({ does: fc.constant("sweep" as const) }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
          const [house, redis] = [await ingestHouse(), await openHouse()];
          const producer = await redis.open();
          const start = async () => {
            const worker = await redis.open({ concurrency: 2 });
            worker.start(makeWorker(house));
            return worker;
          };
          let worker = await start();
          const versions = new Map<string, number>();
          const { sweep } = house.reconciler({ queue: producer, onError: () => {} });
          let isUp = true;
          for (const one of steps) {
            if (one.does === "put") {
              const id = `d${one.at}`;
              const version = (versions.get(id) ?? 0) + 1;
              versions.set(id, version);
              await house.ledger.putDocument(putOf(keyOf(id), { version, body: `Text ${version} of ${id}.` }));
              if (one.wakes) await producer.wake(keyOf(id)).catch(() => {});
            } else if (one.does === "flush") {
              if (isUp) await redis.flush();
            } else if (one.does === "kill") {
              await redis.server.kill();
              isUp = false;
            } else if (one.does === "restart") {
              await redis.server.restart();
              isUp = true;
            } else if (one.does === "replace worker") {
              await worker.close();
              worker = await start();
            } else {
              await sweep();
            }
          }
          if (!isUp) await redis.server.restart();
          const settled = async () => {
            await sweep();
            return (await isLagging(house)).length;
          };
          await expect.poll(settled, { timeout: 20_000, interval: 100 }).toBe(0);
          const records = await house.ledger.read([...versions.keys()].map((id) => keyOf(id)));
          expect(records.map((record) => record?.live[house.fingerprint]?.version)).toEqual([...versions.values()]);
          await worker.close();
          await producer.close();
        }),
        { numRuns: 6, endOnFailure: true },
      );
    }, 120_000);
  },
  { own: true },
);
