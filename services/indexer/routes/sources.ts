import type { FastifyPluginAsync } from "fastify";
import { noQuery, parseQuery } from "#services/http/validate.ts";
import type { RouteOptions } from "../options.ts";

/** GET /v1/sources: what a client that sends documents must know, for the sources that the caller may write. */
export const sourceRoutes: FastifyPluginAsync<Pick<RouteOptions, "policy">> = async (app, { policy }) => {
  app.get("/v1/sources", async (request, reply) => {
    parseQuery(noQuery, request.query);
    const snapshot = policy.current();
    const sources = [...snapshot.trust.sources]
      .filter(([source]) => snapshot.may(request.caller, "write", `source:${source}`))
      .map(([source, { tier, frontMatter }]) => ({ source, tier, front_matter: [...frontMatter] }))
      .toSorted((a, b) => (a.source < b.source ? -1 : 1));
    // The vocabulary is for those who can use it.
    const labels = sources.length === 0 ? [] : [...snapshot.labels].toSorted();
    return reply.header("cache-control", "no-store").send({ sources, labels });
  });
};
