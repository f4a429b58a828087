import { randomUUID } from "node:crypto";
import { Job, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { askingConnection, readyWithin, within, workingConnection } from "#adapters/redis/connections.ts";
import { plainError } from "#adapters/redis/plain-error.ts";
import type { DocumentKey } from "#core/document.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import { type QueueHealth, watchHealth } from "./health.ts";
import { documentDigest, jobOptions, wakeUpOf } from "./job.ts";
import type { BullQueueOptions } from "./options.ts";
import { type RunningWorker, startWorker } from "./worker.ts";

/** A queue that several processes share, and what a person wants to know of it. */
export interface BullQueue extends JobQueue {
  health(): QueueHealth;
}

/** Name of the queue in BullMQ. */
export const queueName = "wake-ups";
/** What its keys begin with, unless a deployment says otherwise. */
export const defaultPrefix = "{reticent}";
/** From a failure to the next look at the server, and from there to the next, ms. */
const lookAgainMs = 1_000;
/** Finished jobs' events; nothing of this program reads them. */
const eventsKept = 100;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** States of a job that will not run; `unknown` is in no list. */
const noJobLeft: ReadonlySet<string> = new Set(["unknown", "completed", "failed"]);

/**
 * Wake-ups on BullMQ. A process that never calls `start` only wakes; one that never calls `wake` only works. Opens also while the server is
 * away: a wake-up then rejects at once, the reconciler finds the document, and nothing has to be started again when the server is back.
 * @throws NoSuchDatabase when the server does not have the database that the URL names
 */
export async function openBullQueue(options: BullQueueOptions): Promise<BullQueue> {
  const { url, prefix = defaultPrefix, answerMs = 1_000, onTrouble } = options;
  const health = watchHealth(onTrouble);
  let working: { readonly worker: RunningWorker; readonly redis: Redis } | undefined;
  let closing: Promise<void> | undefined;
  let again: NodeJS.Timeout | undefined;
  const redis = watched(askingConnection(url, answerMs));
  // Otherwise the first wake-ups of a process would come before its connection.
  await readyWithin(redis, answerMs).catch((error: unknown) => {
    closing = Promise.resolve();
    clearTimeout(again);
    throw error;
  });
  const queue = new Queue(queueName, {
    connection: redis,
    prefix,
    // Both would turn one failure at the start into one for ever.
    skipWaitingForReady: true,
    skipVersionCheck: true,
    streams: { events: { maxLen: eventsKept } },
  });
  queue.on("error", (error) => health.troubled(error));

  /** Somebody may look at the health long before the next wake-up, which would otherwise be what finds the server well again. */
  function failed(error: unknown): void {
    health.failed(error);
    if (closing !== undefined) return;
    again ??= setTimeout(() => void lookAgain(), lookAgainMs);
    again.unref();
  }

  async function lookAgain(): Promise<void> {
    again = undefined;
    if (closing !== undefined) return;
    try {
      await ask("ping", async () => {
        if ((await redis.ping()) !== "PONG") throw new Error("the server answered a ping with something else");
      });
    } catch {
      // Told, and to be looked at once more.
    }
  }

  function watched<T extends Redis>(connection: T): T {
    connection.on("error", failed);
    connection.on("ready", () => health.answered());
    return connection;
  }

  async function ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      const answer = await within(answerMs, what, work);
      health.answered();
      return answer;
    } catch (error) {
      failed(error);
      throw plainError(error);
    }
  }

  async function add(key: DocumentKey, background: boolean): Promise<void> {
    const jobId = randomUUID();
    const { id } = await queue.add("wake-up", wakeUpOf(key), jobOptions(key, jobId, background, options));
    if (id === jobId) return;
    // The job that stands for this one has such an id as well. Anything else is not from a server that took it.
    if (typeof id !== "string" || !uuid.test(id)) throw new Error("the server answered with something else than a job");
    const present = await Job.fromId(queue, id);
    if (present === undefined) return;
    if (noJobLeft.has(await present.getState())) {
      // Ended in between, which is well; or the server lost some keys and not others: what is left would stand in the way of every wake-up.
      const removed = await queue.getBackend().removeDeduplicationKey(documentDigest(key), id);
      if (removed > 0) await queue.add("wake-up", wakeUpOf(key), jobOptions(key, randomUUID(), background, options));
    } else if (!background && present.priority > 0) {
      await present.changePriority({ priority: 0 }).catch(ignoreGone);
    }
  }

  /** A wish that was kept while a try failed: no reason to rest on. */
  async function cutRest(key: DocumentKey, job: Job): Promise<void> {
    try {
      if ((await redis.exists(queue.toKey(`dn:${documentDigest(key)}`))) === 0) return;
      await job.promote().catch(ignoreGone);
    } catch (error) {
      if (closing === undefined) health.troubled(error);
    }
  }

  return {
    async wake(key, urgency) {
      if (closing !== undefined) return;
      try {
        await ask("wake-up", () => add(key, urgency === "background"));
      } catch (error) {
        health.wakeFailed();
        throw error;
      }
    },
    start(handler) {
      if (working !== undefined) throw new Error("the queue was started before");
      if (closing !== undefined) return;
      const connection = watched(workingConnection(url));
      const parts = { name: queueName, prefix, redis: connection, handler };
      const worker = startWorker(
        {
          ...parts,
          onTrouble: (error) => health.troubled(error),
          onRest: (document, job) => void cutRest(document, job),
        },
        options,
      );
      working = { worker, redis: connection };
    },
    async depth() {
      const counts = await ask("depth", () => queue.getJobCounts("wait", "prioritized", "active", "delayed"));
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    health: () => health.now(),
    close() {
      clearTimeout(again);
      closing ??= (async () => {
        await working?.worker.close(answerMs);
        await queue.close().catch(() => {});
        working?.redis.disconnect();
        redis.disconnect();
      })();
      return closing;
    },
  };
}

/** A job that ended in between needs nothing any more. */
function ignoreGone(error: unknown): void {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== -1 && code !== -3) throw error;
}
