import type { DocumentKey } from "../document.ts";

/** What a worker does with a wake-up. A rejection means: try again later. */
export type WakeUpHandler = (key: DocumentKey) => Promise<void>;

/**
 * Carries wake-ups, nothing else: what to do is read from the ledger, so a wake-up may be lost, repeated or late.
 * One wake-up per document is active at a time; one that comes meanwhile is kept and runs after it.
 */
export interface JobQueue {
  /** @param urgency in the background: after everything that somebody may be waiting for */
  wake(key: DocumentKey, urgency?: "background"): Promise<void>;
  /** Starts the workers; once per queue. */
  start(handler: WakeUpHandler): void;
  /** Wake-ups waiting or active. */
  depth(): Promise<number>;
  /** Takes no new work, finishes what is active, drops the rest (the reconciler finds it again). */
  close(): Promise<void>;
}
