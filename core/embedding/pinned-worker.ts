import { makeWorker, type WorkerParts } from "../ingest/worker.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { WakeUpHandler } from "../ports/queue.ts";
import type { PinnedModel } from "./pinned.ts";

/**
 * Brings a document's index to what the ledger wants, for every encoder that documents are indexed for, one after the other and the
 * active one first. What one of them cannot do does not keep the others from it.
 * @returns a handler that rejects with the first failure, after all were tried
 */
export function makePinnedWorker(
  parts: Omit<WorkerParts, "embedder">,
  models: Pick<PinnedModel, "indexing">,
): WakeUpHandler {
  const workers = new Map<Embedder, WakeUpHandler>();
  return async (key) => {
    const failures: unknown[] = [];
    for (const embedder of models.indexing()) {
      const work = workers.get(embedder) ?? makeWorker({ ...parts, embedder });
      workers.set(embedder, work);
      try {
        await work(key);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
}
