import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { startRedis, type TestRedis } from "#test/kit/redis.ts";
import type { OpenQueue } from "../queue-contract.ts";

/** Queues on a real server, each with keys of its own, whose rests end when the test says so. To be called inside a suite. */
export function bullQueues(): OpenQueue {
  let server: TestRedis | undefined;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });
  afterAll(() => server?.stop());

  return async (concurrency) => {
    if (server === undefined) throw new Error("no Redis");
    const prefix = `{test-${randomUUID()}}`;
    const givenUp: string[] = [];
    const queue = await openBullQueue({
      url: server.url,
      prefix,
      concurrency,
      maxAttempts: 3,
      backoffMs: 3_600_000,
      maxBackoffMs: 3_600_000,
      random: () => 0.5,
      onGiveUp: async (key) => {
        givenUp.push(`${key.source}/${key.id}`);
      },
      onError: () => {},
      onTrouble: (error) => {
        throw error;
      },
    });
    closers.push(() => queue.close());
    const redis = new Redis(server.url);
    const inspector = new Queue("wake-ups", { connection: redis, prefix });
    closers.push(async () => {
      await inspector.obliterate({ force: true });
      redis.disconnect();
    });
    return {
      queue,
      givenUp,
      async rested() {
        await expect.poll(() => inspector.getActiveCount()).toBe(0);
        await inspector.promoteJobs();
      },
    };
  };
}
