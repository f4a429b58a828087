import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import type { DocumentKey } from "#core/document.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { TokenVerifier } from "#core/ports/identity.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { PolicyRevisions } from "#core/ports/policy-revisions.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import type { TraceStore } from "#core/ports/trace.ts";
import type { Recheck } from "#core/retrieval/recheck.ts";

/** What a queue tells whoever runs it. */
export interface QueueEvents {
  /** The tries of a wake-up are used up. */
  readonly onGiveUp: (key: DocumentKey, error: unknown) => Promise<void>;
  /** A try failed, or the queue itself has a trouble (then without a key). Must not throw. */
  readonly onError: (key: DocumentKey | undefined, error: unknown) => void;
}

/** A queue, and whether wake-ups get through to it; that is absent where it is in this process. */
export interface ServiceQueue extends JobQueue {
  isReachable?(): boolean;
  /** Wake-ups of this process that did not get through since its start. */
  failedWakes?(): number;
}

/** What the store behind the ledger can lose of what was acknowledged. */
export interface LedgerDurability {
  /** `strict`: nothing. `relaxed`: what {@link warnings} say. */
  readonly durability: "strict" | "relaxed";
  /** One line each. */
  readonly warnings: readonly string[];
}

/** The adapters that a service runs on. */
export interface Ports {
  readonly ledger: Ledger;
  /** The same ledger, as backups and audits see it. */
  readonly archive: LedgerArchive;
  readonly index: VectorIndex;
  readonly embedder: Embedder;
  /** The encoder used before, or to go back to. */
  readonly previousEmbedder?: Embedder;
  readonly probes: ProbeStore;
  /** Opened by whoever needs it: with workers, or only to wake those of other processes. */
  readonly openQueue: (events: QueueEvents) => Promise<ServiceQueue>;
  readonly policy: WatchedPolicy;
  /** Present where other processes use the same ledger. */
  readonly revisions?: PolicyRevisions;
  readonly verifier: TokenVerifier;
  readonly traces: TraceStore;
  readonly recheck: Recheck;
  readonly clock: Clock;
  /** Asks the store behind the ledger. @throws AppError `ledger-unavailable` */
  readonly durability: () => Promise<LedgerDurability>;
  /** Housekeeping after each sweep of the reconciler. */
  readonly maintain?: () => void;
  /** Closes everything that `openPorts` opened, in the reverse order. */
  close(): Promise<void>;
}
