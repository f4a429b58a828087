import type { FastifyPluginAsync } from "fastify";
import fp from "fastify-plugin";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { callerIfAny, principalKey } from "./auth.ts";

/**
 * Bounds the memory that one principal can make the service hold: the bodies of its requests in flight, together. A body counts with its
 * declared length, one without with the most that its route takes. Register it after authentication.
 */
export const bodyBudgetPlugin = fp(
  (async (app) => {
    const inFlight = new Map<string, number>();
    app.addHook("preParsing", async (request, reply) => {
      const caller = callerIfAny(request);
      const declared = request.headers["content-length"];
      if (caller === undefined || (declared === undefined && request.headers["transfer-encoding"] === undefined))
        return;
      const most = request.routeOptions.bodyLimit ?? limits.requestBytes;
      const bytes = declared === undefined ? most : Number(declared);
      // Too long for the route in any case: its parser says so, and holds nothing.
      if (!(bytes <= most)) return;
      const key = principalKey(caller);
      const before = inFlight.get(key) ?? 0;
      if (before + bytes > limits.bodyBytesInFlight) {
        throw new AppError("rate-limited", {
          detail: `at most ${limits.bodyBytesInFlight} bytes of request bodies at the same time`,
          limit: { name: "bodyBytesInFlight", max: limits.bodyBytesInFlight },
          retryAfterS: 1,
        });
      }
      inFlight.set(key, before + bytes);
      // Closed also when the client went away in the middle, which no hook of the framework tells.
      reply.raw.once("close", () => {
        const rest = (inFlight.get(key) ?? 0) - bytes;
        if (rest > 0) inFlight.set(key, rest);
        else inFlight.delete(key);
      });
    });
  }) satisfies FastifyPluginAsync,
  { name: "reticent-body-budget", fastify: "5.x", dependencies: ["reticent-auth"] },
);
