import { type DocumentKey, keyString } from "#core/document.ts";
import type { JobQueue, WakeUpHandler } from "#core/ports/queue.ts";

/** Settings of {@link localQueue}. */
export interface LocalQueueOptions {
  /** Documents worked on at the same time, ≥ 1. */
  readonly concurrency: number;
  /** Tries of one document before it is given up, ≥ 1. A success starts the count anew. */
  readonly maxAttempts: number;
  /** Longest wait after the first failure, ms; doubled with every further one. */
  readonly backoffMs: number;
  /** Bound of that doubling, ms. */
  readonly maxBackoffMs: number;
  /** Told when the last try has failed, with its error; awaited before the document may run again. */
  readonly onGiveUp: (key: DocumentKey, error: unknown) => Promise<void>;
  /** Told of every failed try, and of a failure of `onGiveUp`. Must not throw. */
  readonly onError: (key: DocumentKey, error: unknown) => void;
  /** 0 … 1, drawn per wait: full jitter, so that documents that failed together do not come back together. */
  readonly random?: () => number;
  /** Calls back after a time, ms; returns how to cancel. Replaced by tests that want to decide when time passes. */
  readonly after?: (ms: number, callback: () => void) => () => void;
}

interface Job {
  readonly key: DocumentKey;
  state: "waiting" | "active" | "resting";
  /** Waits behind the others; over as soon as somebody else wakes it. */
  background: boolean;
  attempts: number;
  /** A wake-up that came while the job was active. */
  again: boolean;
  cancelRest: (() => void) | undefined;
}

/**
 * Wake-ups in this process. It holds nothing durable: the ledger knows what is to be done, and the reconciler wakes again whatever a
 * crash or a close dropped. A document that fails rests and lets the others pass.
 */
export function localQueue(options: LocalQueueOptions): JobQueue {
  const { concurrency, maxAttempts, backoffMs, maxBackoffMs, onGiveUp, onError } = options;
  const { random = Math.random, after = afterTimeout } = options;
  const jobs = new Map<string, Job>();
  const waiting: Job[] = [];
  const background: Job[] = [];
  const active = new Set<Promise<void>>();
  let handler: WakeUpHandler | undefined;
  let closed = false;

  function enqueue(job: Job): void {
    job.cancelRest?.();
    job.cancelRest = undefined;
    job.state = "waiting";
    (job.background ? background : waiting).push(job);
    pump();
  }

  function pump(): void {
    if (handler === undefined || closed) return;
    while (active.size < concurrency) {
      const job = waiting.shift() ?? background.shift();
      if (job === undefined) return;
      job.state = "active";
      const run = work(job, handler).finally(() => {
        active.delete(run);
        pump();
      });
      active.add(run);
    }
  }

  async function work(job: Job, handle: WakeUpHandler): Promise<void> {
    // A turn for requests between two jobs, whose work may be long stretches of computing.
    await nextTurn();
    let failed = false;
    try {
      await handle(job.key);
      job.attempts = 0;
    } catch (error) {
      failed = true;
      job.attempts += 1;
      onError(job.key, error);
      if (job.attempts >= maxAttempts) {
        failed = false;
        job.attempts = 0;
        await onGiveUp(job.key, error).catch((problem: unknown) => onError(job.key, problem));
      }
    }
    settle(job, failed);
  }

  function settle(job: Job, failed: boolean): void {
    const again = job.again;
    job.again = false;
    if (closed || (!again && !failed)) jobs.delete(keyString(job.key));
    else if (again) enqueue(job);
    else rest(job);
  }

  function rest(job: Job): void {
    job.state = "resting";
    const bound = Math.min(maxBackoffMs, backoffMs * 2 ** (job.attempts - 1));
    job.cancelRest = after(random() * bound, () => enqueue(job));
  }

  return {
    async wake(key, urgency) {
      if (closed) return;
      const name = keyString(key);
      const job = jobs.get(name);
      if (job === undefined) {
        const fresh: Job = {
          key,
          state: "waiting",
          background: urgency === "background",
          attempts: 0,
          again: false,
          cancelRest: undefined,
        };
        jobs.set(name, fresh);
        enqueue(fresh);
        return;
      }
      if (job.background && urgency === undefined) {
        job.background = false;
        const place = background.indexOf(job);
        if (place >= 0) waiting.push(...background.splice(place, 1));
      }
      if (job.state === "active") job.again = true;
      // New content may be what the failure waited for: no reason to rest on.
      else if (job.state === "resting") enqueue(job);
    },
    start(newHandler) {
      if (handler !== undefined) throw new Error("the queue was started before");
      handler = newHandler;
      pump();
    },
    async depth() {
      return jobs.size;
    },
    async close() {
      closed = true;
      for (const job of jobs.values()) job.cancelRest?.();
      waiting.length = 0;
      background.length = 0;
      await Promise.all(active);
      jobs.clear();
    },
  };
}

function afterTimeout(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  timer.unref();
  return () => clearTimeout(timer);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
