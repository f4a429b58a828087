import rateLimit from "@fastify/rate-limit";
import type { FastifyPluginAsync } from "fastify";
import fp from "fastify-plugin";
import { AppError } from "#core/errors.ts";
import { callerIfAny, principalKey } from "./auth.ts";

export interface RateLimitOptions {
  /** Requests of one principal (tenant, user and agents in between) in a minute. */
  readonly perMinute: number;
}

/** Principals whose counts are kept at the same time; the longest unseen is forgotten first. */
const principalsKept = 50_000;

/**
 * Bounds how often one principal may ask; register it after authentication and before the routes. Routes without a token are not counted:
 * there is no principal.
 */
export const rateLimitPlugin = fp<RateLimitOptions>(
  (async (app, { perMinute }) => {
    await app.register(rateLimit, {
      max: perMinute,
      timeWindow: 60_000,
      cache: principalsKept,
      enableDraftSpec: true,
      allowList: (request) => callerIfAny(request) === undefined,
      keyGenerator: (request) => {
        const caller = callerIfAny(request);
        return caller === undefined ? "" : principalKey(caller);
      },
      errorResponseBuilder: (_request, { max, ttl }) =>
        new AppError("rate-limited", {
          detail: `at most ${max} requests a minute`,
          limit: { name: "requestsPerMinute", max },
          retryAfterS: Math.max(1, Math.ceil(ttl / 1000)),
        }),
    });
  }) satisfies FastifyPluginAsync<RateLimitOptions>,
  { name: "reticent-rate-limit", fastify: "5.x", dependencies: ["reticent-auth"] },
);
