import type { DocumentChanges } from "#core/ingest/changes.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Policy } from "#core/ports/policy.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import type { Recheck } from "#core/retrieval/recheck.ts";
import type { WakeUps } from "./wake-ups.ts";

/** What the indexer's routes need. */
export interface IndexerOptions {
  readonly ledger: Ledger;
  readonly index: Pick<VectorIndex, "documents">;
  readonly policy: Policy;
  readonly queue: Pick<JobQueue, "wake">;
  /** The fingerprint that questions search: what is live is live under it. */
  readonly fingerprint: () => string;
  /** Every fingerprint that documents are indexed for; `?wait=true` waits for all of them. */
  readonly written: () => readonly string[];
  /** Tells when the worker is done with a document. */
  readonly changes: DocumentChanges;
  /** Longest time that `?wait=true` waits, ms; shorter than the deadline of a request. */
  readonly waitMs: number;
  /** Absent = the re-check of the service; tests put one in its place that lacks a condition. */
  readonly recheck?: Recheck;
}

/** The same, as the routes of one app share it. */
export interface RouteOptions extends Omit<IndexerOptions, "queue"> {
  readonly wakeUps: WakeUps;
}
