import type { FastifyPluginAsync } from "fastify";
import type { DocumentKey } from "#core/document.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Policy } from "#core/ports/policy.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import type { Recheck } from "#core/retrieval/recheck.ts";
import { accessRoutes } from "./routes/access.ts";
import { documentRoutes } from "./routes/documents.ts";
import { listRoutes } from "./routes/list.ts";
import { principalRoutes } from "./routes/principals.ts";
import { sourceRoutes } from "./routes/sources.ts";

/** What the indexer's routes need. */
export interface IndexerOptions {
  readonly ledger: Ledger;
  readonly index: Pick<VectorIndex, "documents">;
  readonly policy: Policy;
  readonly queue: Pick<JobQueue, "wake">;
  /** The fingerprint of the embedding model in use: what is live is live under it. */
  readonly fingerprint: string;
  /**
   * Resolves once a generation is live, has failed or is not wanted any more, or after the time. Its result is not looked at: the
   * ledger is read again.
   */
  readonly waitUntilSearchable: (key: DocumentKey, generation: number, timeoutMs: number) => Promise<unknown>;
  /** Longest time that `?wait=true` waits, ms; shorter than the deadline of a request. */
  readonly waitMs: number;
  readonly recheck: Recheck;
}

/** The indexer's HTTP API: documents, their access, lists, sources, and disabled principals. */
export const indexerRoutes: FastifyPluginAsync<IndexerOptions> = async (app, options) => {
  await app.register(documentRoutes, options);
  await app.register(accessRoutes, options);
  await app.register(listRoutes, options);
  await app.register(sourceRoutes, options);
  await app.register(principalRoutes, options);
};
