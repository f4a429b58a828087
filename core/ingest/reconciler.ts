import { type DocumentKey, keyString } from "../document.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { VectorIndex } from "../ports/index.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { JobQueue } from "../ports/queue.ts";

/** Settings of {@link makeReconciler}. */
export interface ReconcilerOptions {
  readonly ledger: Pick<Ledger, "lagging" | "collectable" | "collected">;
  readonly index: Pick<VectorIndex, "remove" | "placeAccess">;
  readonly queue: Pick<JobQueue, "wake">;
  /** The fingerprints that every document is to be live under. */
  readonly fingerprints: () => readonly string[];
  readonly clock: Clock;
  /** How long a replaced generation stays readable, ms; longer than the longest request. */
  readonly graceMs: number;
  /** Time between the end of a sweep and the next, ms. */
  readonly sweepMs: number;
  /** Told of what a sweep could not do; the next one tries again. Must not throw. */
  readonly onError: (error: unknown) => void;
  /**
   * What is to be looked at after the wake-ups and before the collection, e.g. whether a change of the model is complete. Given the
   * fingerprints under which this sweep found something lagging.
   */
  readonly advance?: (lagging: ReadonlySet<string>) => Promise<void>;
  /**
   * Compares a part of the index with the ledger, before the wake-ups: see `core/ingest/audit.ts`. Absent where neither can be lost alone. While it says
   * that the index is not searched, nobody waits a whole interval for the next one.
   */
  readonly audit?: () => Promise<boolean>;
  /** Housekeeping at the end of each sweep, e.g. to empty a write-ahead log of erased text. */
  readonly maintain?: () => void | Promise<void>;
}

/** What one sweep did. */
export interface SweepResult {
  /** Documents woken, because their wanted content is not searchable, or their access not in the index's copy. */
  readonly woken: number;
  /** Generations erased from the index. */
  readonly collected: number;
}

/** Repairs what was lost on the way: wake-ups that a crash dropped, copies of access that nobody placed, generations that nobody collected. */
export interface Reconciler {
  /** One sweep; a call during a sweep waits for that one. Never rejects: failures go to `onError`. */
  sweep(): Promise<SweepResult>;
  /** The audit alone, before anything is accepted: of an index that is new and empty like its ledger it is all that there is to do. Never rejects. */
  audit(): Promise<void>;
  /** Sweeps now, and then at the interval. */
  start(): void;
  /** Starts no further sweep and waits for the one that runs. */
  stop(): Promise<void>;
}

/** The longest interval while questions are refused because of the index, ms. */
const hurriedMs = 250;
/** Generations per batch of the collection; between batches, requests get their turn. */
const batch = 200;

/** Makes the reconciler. It needs no memory of its own: both what lags and what is to be collected stand in the ledger. */
export function makeReconciler(options: ReconcilerOptions): Reconciler {
  const { ledger, index, queue, fingerprints, clock, graceMs, sweepMs, onError } = options;
  const keepsCopies = index.placeAccess !== undefined;
  let running: Promise<SweepResult> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let isSearched = true;

  async function audit(): Promise<void> {
    await attempt(async () => {
      isSearched = (await options.audit?.()) ?? true;
    }, undefined);
  }

  async function wakeLagging(behind: Set<string>): Promise<number> {
    const lagging = new Map<string, DocumentKey>();
    for (const fingerprint of fingerprints()) {
      const keys = await (keepsCopies
        ? ledger.lagging(fingerprint, limits.pageSize, true)
        : ledger.lagging(fingerprint, limits.pageSize));
      if (keys.length > 0) behind.add(fingerprint);
      for (const key of keys) lagging.set(keyString(key), key);
    }
    for (const key of lagging.values()) await queue.wake(key, "background");
    return lagging.size;
  }

  async function collect(): Promise<number> {
    const before = clock() - graceMs;
    let collected = 0;
    for (;;) {
      const generations = await ledger.collectable(before, batch);
      let erased = 0;
      for (const generation of generations) {
        try {
          await index.remove(generation.key, generation.generation, generation.fingerprint);
          await ledger.collected(generation);
          erased += 1;
        } catch (error) {
          onError(error);
        }
      }
      collected += erased;
      // A batch that hit an error would only be handed out again: the rest waits for the next sweep.
      if (stopped || generations.length < batch || erased < generations.length) return collected;
    }
  }

  async function attempt<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      onError(error);
      return otherwise;
    }
  }

  function sweep(): Promise<SweepResult> {
    running ??= (async () => {
      // Apart, so that a trouble with one does not keep the other from happening.
      await audit();
      const behind = new Set<string>();
      const woken = await attempt(() => wakeLagging(behind), 0);
      await attempt(async () => options.advance?.(behind), undefined);
      const collected = await attempt(collect, 0);
      await attempt(async () => options.maintain?.(), undefined);
      return { woken, collected };
    })().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function loop(): Promise<void> {
    await sweep();
    if (stopped) return;
    timer = setTimeout(() => void loop(), isSearched ? sweepMs : Math.min(sweepMs, hurriedMs));
    timer.unref();
  }

  return {
    sweep,
    audit,
    start() {
      void loop();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
