import { AppError } from "../errors.ts";
import { IndexingError, makeWorker, type WorkerParts } from "../ingest/worker.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { WakeUpHandler } from "../ports/queue.ts";
import type { PinnedModel } from "./pinned.ts";

/**
 * Brings a document's index to what the ledger wants, for every encoder that documents are indexed for, one after the other and the
 * active one first. What one of them cannot do does not keep the others from it. An encoder that says for how long it is away is left
 * alone meanwhile, by all documents: each would be read and cut for nothing, again and again. They stay wanted, and the reconciler wakes them.
 * @returns a handler that rejects with the first failure, after all were tried
 */
export function makePinnedWorker(
  parts: Omit<WorkerParts, "embedder">,
  models: Pick<PinnedModel, "indexing">,
): WakeUpHandler {
  const workers = new Map<Embedder, WakeUpHandler>();
  const awayUntil = new Map<Embedder, number>();
  return async (key) => {
    const failures: unknown[] = [];
    for (const embedder of models.indexing()) {
      if ((awayUntil.get(embedder) ?? 0) > parts.clock()) continue;
      const work = workers.get(embedder) ?? makeWorker({ ...parts, embedder });
      workers.set(embedder, work);
      try {
        await work(key);
      } catch (error) {
        awayUntil.set(embedder, parts.clock() + awayMs(error));
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
}

/** How long an encoder is away, ms; 0 for trouble of another kind. */
function awayMs(error: unknown): number {
  const cause = error instanceof IndexingError ? error.cause : undefined;
  if (!(cause instanceof AppError) || cause.code !== "embedder-unavailable") return 0;
  return (cause.details.retryAfterS ?? 0) * 1_000;
}
