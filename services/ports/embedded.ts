import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openSqliteProbes } from "#adapters/ledger-sqlite/probes.ts";
import { localQueue } from "#adapters/queue-local/queue.ts";
import { openingFile } from "#adapters/sqlite/file-error.ts";
import { openDatabase, truncateLog } from "#adapters/sqlite/open.ts";
import { openTraceStore } from "#adapters/trace-sqlite/store.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { EmbeddingModel } from "#core/ports/embedder.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import type { TraceStore } from "#core/ports/trace.ts";
import type { ServiceConfig } from "#services/config.ts";
import type { Closers } from "./closers.ts";
import { ledgerAdvice, ledgerFileOf, traceFile } from "./data-directory.ts";
import type { Ports, QueueEvents } from "./ports.ts";

/** Documents indexed at the same time: the work is computing on one thread, so more would only mix their progress. */
const indexingConcurrency = 2;

/** The ledger in the data directory, with what only an index in the same process can have. */
export interface EmbeddedStore extends Required<Pick<Ports, "probes" | "maintain">> {
  readonly ledger: Ledger & LedgerArchive;
  /** An index beside it, which sees each of its commits at once. */
  openIndex(model: EmbeddingModel): Promise<VectorIndex>;
}

/** Opens ledger, content store and probes in the data directory. @throws UnusableFile */
export async function openEmbeddedStore(dataDir: string, clock: Clock, closers: Closers): Promise<EmbeddedStore> {
  const file = ledgerFileOf(dataDir);
  const database = await openingFile(file, ledgerAdvice, () => openDatabase(file));
  closers.add(() => database.close());
  const ledger = await openingFile(file, ledgerAdvice, () => openSqliteLedger({ database, clock }));
  closers.add(() => ledger.close());
  return {
    ledger,
    probes: await openingFile(file, ledgerAdvice, async () => openSqliteProbes(database)),
    maintain: () => truncateLog(database),
    openIndex: (model) =>
      openingFile(file, ledgerAdvice, () => openSqliteIndex({ database, live: ledger.live, model })),
  };
}

/** Opens traces and feedback in the data directory. @throws UnusableFile */
export async function openEmbeddedTraces(
  { dataDir, traceRetention }: Pick<ServiceConfig, "dataDir" | "traceRetention">,
  clock: Clock,
): Promise<TraceStore> {
  const file = traceFile(dataDir);
  return openingFile(file, "move it away: only the traces so far are lost", () =>
    openTraceStore({ file, clock, retention: traceRetention }),
  );
}

/** The queue of one process, which carries its wake-ups in memory. */
export async function openEmbeddedQueue({ onGiveUp, onError }: QueueEvents): Promise<JobQueue> {
  return localQueue({
    concurrency: indexingConcurrency,
    maxAttempts: 5,
    backoffMs: 200,
    maxBackoffMs: 30_000,
    onGiveUp,
    onError,
  });
}
