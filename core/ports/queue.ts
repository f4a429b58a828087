import type { DocumentKey } from "../document.ts";

/** What a worker does with a wake-up. A rejection means: try again later. */
export type WakeUpHandler = (key: DocumentKey) => Promise<void>;

/**
 * Carries wake-ups, nothing else: what to do is read from the ledger, so a wake-up may be lost, repeated or late.
 * One wake-up per document is active at a time; one that comes meanwhile is kept and runs after it.
 */
export interface JobQueue {
  /**
   * Within a bounded time; after the close, for nothing.
   * @param urgency in the background: after everything that somebody may be waiting for. Whoever wakes in the background comes back: while the
   * document has a wake-up already, a shared queue leaves this one out.
   * @throws Error when the wake-up did not get through; what was committed stands, and the reconciler finds it
   */
  wake(key: DocumentKey, urgency?: "background"): Promise<void>;
  /** Starts the workers of this process; once per queue. A process that never does only wakes. */
  start(handler: WakeUpHandler): void;
  /** Documents with a wake-up that waits, rests after a failure or is active. @throws Error when it cannot be asked */
  depth(): Promise<number>;
  /** Takes no new work and finishes what is active here. The rest is left to other processes, or dropped (the reconciler finds it again). */
  close(): Promise<void>;
}
