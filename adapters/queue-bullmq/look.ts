import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { defaultPrefix, queueName } from "./queue.ts";

/** Jobs of the queue by state. */
export interface QueueLook {
  /** Wait for a worker, or rest after a failure. */
  readonly waiting: number;
  readonly active: number;
  /** Given up, and kept for a person to look at. */
  readonly failed: number;
}

/**
 * Counts the jobs of a queue without writing what a queue writes when it is opened.
 * @param redis connected; stays so
 * @throws what ioredis throws
 */
export async function lookIntoQueue(redis: Redis, prefix = defaultPrefix): Promise<QueueLook> {
  const queue = new Queue(queueName, {
    connection: redis,
    prefix,
    skipMetasUpdate: true,
    skipWaitingForReady: true,
    skipVersionCheck: true,
  });
  // Also told to whoever asked.
  queue.on("error", () => {});
  try {
    const counts = await queue.getJobCounts("wait", "prioritized", "delayed", "active", "failed");
    const of = (...states: string[]): number => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
    return { waiting: of("wait", "prioritized", "delayed"), active: of("active"), failed: of("failed") };
  } finally {
    await queue.close().catch(() => {});
  }
}
