import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import { gate } from "#test/kit/gate.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";

describeRedis(
  "what is told of a Redis that refuses",
  () => {
    let redis: TestRedis | undefined;
    beforeAll(async () => {
      redis = await startRedis({ own: true });
    });
    afterAll(() => redis?.stop());

    // The server knows no such user.
    test("neither the password nor the words of a command are in what queue and traces say for the log", async () => {
      const url = (redis?.url ?? "").replace("redis://", "redis://bob:the-wrong-one@");
      const told: unknown[] = [];
      const refused = { queue: gate<void>(), traces: gate<void>() };
      const tell = (which: keyof typeof refused) => (error: unknown) => {
        told.push(error);
        if (inspect(error).includes("WRONGPASS")) refused[which].pass();
      };
      const times = { concurrency: 1, maxAttempts: 1, backoffMs: 1, maxBackoffMs: 1 };
      const queue = await openBullQueue({
        ...times,
        url,
        onGiveUp: async () => {},
        onError: () => {},
        onTrouble: tell("queue"),
      });
      const retention = { maxAgeMs: 1_000, maxCount: 1 };
      const traces = await openRedisTraceStore({ url, clock: () => 0, retention, onError: tell("traces") });
      await Promise.all([refused.queue.first(1), refused.traces.first(1)]);
      const woken = await queue.wake({ tenant: "t", source: "s", id: "page" }).catch((error: unknown) => error);
      await Promise.all([queue.close(), traces.close()]);
      const log = inspect([...told, woken], { depth: null, showHidden: true });
      expect(log).toContain("WRONGPASS");
      expect(log).not.toContain("the-wrong-one");
      expect(told.filter((error) => error instanceof Object && "command" in error)).toEqual([]);
    });
  },
  { own: true },
);
