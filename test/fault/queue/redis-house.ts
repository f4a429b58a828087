import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { BullQueueOptions } from "#adapters/queue-bullmq/options.ts";
import { type BullQueue, openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { startRedis, type TestRedis } from "#test/kit/redis.ts";

/** What the faults of a queue are made with. */
export interface RedisHouse {
  readonly server: TestRedis;
  readonly url: string;
  readonly prefix: string;
  /** Erases every key of the server. */
  flush(): Promise<void>;
  /** A look at the queue's own jobs. */
  readonly inspector: Queue;
  /** Another process's end of the queue. */
  open(options?: Partial<BullQueueOptions>): Promise<BullQueue>;
  /** A worker process that is in the middle of a document. */
  workerInTheMiddle(maxStalled: number): Promise<ChildProcess>;
}

/** Dead workers are noticed within a second. */
export const quick = { lockMs: 400, stalledMs: 100, maxStalled: 10 };

/** A real server of the suite's own, and keys of each test's own. To be called inside a suite; gives what opens a house. */
export function redisHouses(): () => Promise<RedisHouse> {
  let server: TestRedis | undefined;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startRedis({ own: true });
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });
  afterAll(() => server?.stop());

  return async () => {
    if (server === undefined) throw new Error("no Redis");
    const { url } = server;
    const prefix = `{test-${randomUUID()}}`;
    const redis = new Redis(url, { maxRetriesPerRequest: null });
    redis.on("error", () => {});
    const inspector = new Queue("wake-ups", { connection: redis, prefix });
    inspector.on("error", () => {});
    closers.push(() => redis.disconnect());
    return {
      server,
      url,
      prefix,
      inspector,
      async flush() {
        await redis.flushall();
      },
      async open(options = {}) {
        const queue = await openBullQueue({
          url,
          prefix,
          concurrency: 1,
          maxAttempts: 3,
          backoffMs: 1,
          maxBackoffMs: 1,
          onGiveUp: async () => {},
          onError: () => {},
          onTrouble: () => {},
          answerMs: 500,
          timing: quick,
          ...options,
        });
        closers.push(() => queue.close());
        return queue;
      },
      async workerInTheMiddle(maxStalled) {
        const script = fileURLToPath(new URL("worker-process.ts", import.meta.url));
        const child = spawn(process.execPath, [script, url, prefix, String(maxStalled)], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        closers.push(() => child.kill("SIGKILL"));
        await once(child.stdout, "data");
        return child;
      },
    };
  };
}

/** Kills a process as the kernel would. */
export async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
