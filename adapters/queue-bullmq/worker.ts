import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { DocumentKey } from "#core/document.ts";
import type { WakeUpHandler } from "#core/ports/queue.ts";
import { documentOf, restAfter } from "./job.ts";
import { type BullQueueOptions, defaultTiming } from "./options.ts";

/** What a worker of the queue needs beside its settings. */
export interface WorkerParts {
  readonly name: string;
  readonly prefix: string;
  readonly redis: Redis;
  readonly handler: WakeUpHandler;
  /** Told of what is wrong with the queue itself. */
  readonly onTrouble: (error: unknown) => void;
  /** Told of every try that failed, after the queue has put the job to rest or given it up. */
  readonly onRest: (key: DocumentKey, job: Job) => void;
}

/** A running worker. */
export interface RunningWorker {
  /** Takes nothing new, and waits until what is active is handled and the queue has heard of it, for that at most `answerMs`. */
  close(answerMs: number): Promise<void>;
}

/** Seconds of one blocking read while there is nothing to do. */
const drainDelayS = 5;
/** Longest length of the error text that is kept with a failed job. */
const reasonChars = 500;

/** Works on wake-ups until it is closed. */
export function startWorker(parts: WorkerParts, options: BullQueueOptions): RunningWorker {
  const { handler, redis, prefix, name, onTrouble, onRest } = parts;
  const { concurrency, onGiveUp, onError, timing = defaultTiming } = options;
  const active = new Set<Promise<void>>();

  async function work(job: Job): Promise<void> {
    let key: DocumentKey;
    try {
      key = documentOf(job.data);
    } catch (error) {
      onTrouble(error);
      throw new UnrecoverableError("not a wake-up");
    }
    try {
      await handler(key);
    } catch (error) {
      onError(key, error);
      // Here and not when told of the failure: that comes when the document may already run again, and not at all after a kill.
      if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) {
        await onGiveUp(key, error).catch((problem: unknown) => onError(key, problem));
      }
      // An error of our own: BullMQ reads more than "failed" into some names and messages.
      throw new Error(reasonOf(error), { cause: error });
    }
  }

  const worker = new Worker(
    name,
    (job) => {
      const run = work(job).finally(() => active.delete(run));
      active.add(run);
      return run;
    },
    {
      connection: redis,
      prefix,
      concurrency,
      drainDelay: drainDelayS,
      lockDuration: timing.lockMs,
      stalledInterval: timing.stalledMs,
      maxStalledCount: timing.maxStalled,
      // The default waits 15 s after a lost connection.
      runRetryDelay: 1_000,
      settings: { backoffStrategy: (attempts = 1) => restAfter(attempts, options) },
    },
  );
  worker.on("error", onTrouble);
  worker.on("failed", (job, error) => {
    if (job === undefined) return;
    let key: DocumentKey;
    try {
      key = documentOf(job.data);
    } catch {
      // Not a wake-up: reported when it ran.
      return;
    }
    // Failed without a run: too many workers died of it, or beside it.
    if (error instanceof UnrecoverableError) {
      onError(key, error);
      onGiveUp(key, error).catch((problem: unknown) => onError(key, problem));
    } else onRest(key, job);
  });

  return {
    async close(answerMs) {
      const closed = worker.close().catch(onTrouble);
      // A job may have been on its way when the closing began.
      do await Promise.allSettled(active);
      while (active.size > 0);
      const late = AbortSignal.timeout(answerMs);
      await Promise.race([closed, new Promise((resolve) => late.addEventListener("abort", resolve))]);
    },
  };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `failed: ${message.slice(0, reasonChars)}`;
}
