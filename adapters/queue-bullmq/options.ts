import type { DocumentKey } from "#core/document.ts";

/** Settings of {@link import("./queue.ts").openBullQueue}. Times in ms. */
export interface BullQueueOptions {
  /** `redis://…` or `rediss://…`, credentials included. May be another server than the ledger's, with cheaper settings. */
  readonly url: string;
  /** Before all keys. In braces, so that a cluster keeps the queue in one slot. One per deployment on a shared server. */
  readonly prefix?: string;
  /** Documents that this process works on at the same time once started, ≥ 1. */
  readonly concurrency: number;
  /** Tries of one wake-up before it is given up, ≥ 1. What the process that woke says, counts. */
  readonly maxAttempts: number;
  /** Longest wait after the first failure; doubled with every further one. */
  readonly backoffMs: number;
  /** Bound of that doubling. */
  readonly maxBackoffMs: number;
  /** Told when the last try has failed, with its error; awaited before the document may run again. */
  readonly onGiveUp: (key: DocumentKey, error: unknown) => Promise<void>;
  /** Told of every failed try, and of a failure of `onGiveUp`. Must not throw. */
  readonly onError: (key: DocumentKey, error: unknown) => void;
  /** Told of what is wrong with the queue itself: once per kind until it works again. Must not throw. */
  readonly onTrouble: (error: unknown) => void;
  /** 0 … 1, drawn per wait: full jitter, so that documents that failed together do not come back together. */
  readonly random?: () => number;
  /** Longest time that a wake-up, or any other question to the server, may take. */
  readonly answerMs?: number;
  readonly timing?: BullTiming;
}

/** How a worker that died is noticed. Times in ms. */
export interface BullTiming {
  /** How long a job stays a worker's without a sign of life, which comes at half this time. */
  readonly lockMs: number;
  /** Between two looks for jobs whose worker is gone. Such a job waits at most the lock and two of these. */
  readonly stalledMs: number;
  /** Dead workers in one job's life, after which the job (never the document) is dropped. */
  readonly maxStalled: number;
}

/**
 * 15 s: no single stretch of computing of a worker comes near the 7.5 s between its signs of life, and nobody waits long for what a killed one left.
 * A lock that is lost all the same costs a second run, whose publish is refused as stale. 10 dead workers: several deployments and a server
 * that runs out of memory in one job's life; what kills every worker that touches it shows up among the failed jobs.
 */
export const defaultTiming: BullTiming = { lockMs: 15_000, stalledMs: 5_000, maxStalled: 10 };

/** Finished jobs that are kept for a person to look at, `age` in s. Nothing reads them. */
export const kept = {
  completed: { age: 3_600, count: 100 },
  failed: { age: 7 * 86_400, count: 1_000 },
} as const;
