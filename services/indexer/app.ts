import type { FastifyPluginAsync } from "fastify";
import type { IndexerOptions } from "./options.ts";
import { accessRoutes } from "./routes/access.ts";
import { documentRoutes } from "./routes/documents.ts";
import { listRoutes } from "./routes/list.ts";
import { principalRoutes } from "./routes/principals.ts";
import { sourceRoutes } from "./routes/sources.ts";
import { WakeUps } from "./wake-ups.ts";

/** The indexer's HTTP API: documents, their access, lists, sources, and disabled principals. */
export const indexerApp: FastifyPluginAsync<IndexerOptions> = async (app, { queue, ...others }) => {
  const wakeUps = new WakeUps(queue);
  app.addHook("onClose", () => wakeUps.allSent());
  const options = { ...others, wakeUps };
  await app.register(documentRoutes, options);
  await app.register(accessRoutes, options);
  await app.register(listRoutes, options);
  await app.register(sourceRoutes, options);
  await app.register(principalRoutes, options);
};
