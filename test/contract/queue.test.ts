import { expect, test } from "vitest";
import { localQueue } from "#adapters/queue-local/queue.ts";
import { describeRedis } from "#test/kit/redis.ts";
import { bullQueues } from "./queue/bull-queues.ts";
import { queueContract } from "./queue-contract.ts";

/** A local queue whose rests end when the test says so. */
async function open(concurrency: number) {
  const givenUp: string[] = [];
  const errors: string[] = [];
  const rests: number[] = [];
  let resting: (() => void)[] = [];
  const queue = localQueue({
    concurrency,
    maxAttempts: 3,
    backoffMs: 100,
    maxBackoffMs: 150,
    random: () => 0.5,
    after: (ms, callback) => {
      rests.push(ms);
      resting.push(callback);
      return () => {
        resting = resting.filter((other) => other !== callback);
      };
    },
    onGiveUp: async (key) => {
      givenUp.push(`${key.source}/${key.id}`);
    },
    onError: (key, error) => errors.push(`${key.id}: ${String(error)}`),
  });
  const rested = async () => {
    // A failed try is put to rest in the turn after the handler rejected.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    for (const callback of resting.splice(0)) callback();
  };
  return { queue, givenUp, errors, rests, rested };
}

queueContract("local", open);

describeRedis("JobQueue contract on Redis", () => queueContract("bullmq", bullQueues()));

test("a closed queue in this process holds nothing", async () => {
  const { queue } = await open(1);
  await queue.wake({ tenant: "halden", source: "wiki", id: "a" });
  await queue.close();
  expect(await queue.depth()).toBe(0);
});

test("the rest after a failure is drawn from a bound that doubles, up to its limit", async () => {
  const { queue, rests, rested, errors } = await open(1);
  let tries = 0;
  queue.start(async () => {
    tries += 1;
    throw new Error(`try ${tries}`);
  });
  await queue.wake({ tenant: "halden", source: "wiki", id: "a" });
  for (let turn = 0; turn < 10; turn += 1) await rested();
  expect(rests).toEqual([50, 75]);
  expect(errors).toEqual(["a: Error: try 1", "a: Error: try 2", "a: Error: try 3"]);
  await queue.close();
});

test("a failure of the giving up is reported and stops nothing", async () => {
  const errors: string[] = [];
  const queue = localQueue({
    concurrency: 1,
    maxAttempts: 1,
    backoffMs: 1,
    maxBackoffMs: 1,
    onGiveUp: () => Promise.reject(new Error("ledger away")),
    onError: (_key, error) => errors.push(String(error)),
  });
  const handled = new Promise<void>((resolve) => {
    queue.start(async ({ id }) => {
      if (id === "b") return resolve();
      throw new Error("broken");
    });
  });
  await queue.wake({ tenant: "halden", source: "wiki", id: "a" });
  await queue.wake({ tenant: "halden", source: "wiki", id: "b" });
  await handled;
  await queue.close();
  expect(errors).toEqual(["Error: broken", "Error: ledger away"]);
});

test("a queue is started once", async () => {
  const { queue } = await open(1);
  queue.start(async () => {});
  expect(() => queue.start(async () => {})).toThrow("started before");
  await queue.close();
});
