import type { FastifyInstance, FastifyRequest } from "fastify";
import { AppError } from "#core/errors.ts";

const signals = new WeakMap<FastifyRequest, AbortSignal>();
const unbounded = new AbortController().signal;

/** Aborted once nobody waits for the answer of a request any more: at its deadline, or when the connection is gone. */
export const signalOf = (request: FastifyRequest): AbortSignal => signals.get(request) ?? unbounded;

/**
 * Answers for handlers that take longer than the deadline, counted from the moment that the request has arrived. Fastify's own
 * `handlerTimeout` ends with the request's stream: of a request with a body that is before its handler begins.
 */
export function keepDeadline(app: FastifyInstance, deadlineMs: number): void {
  app.addHook("preHandler", async (request, reply) => {
    const controller = new AbortController();
    signals.set(request, controller.signal);
    const timer = setTimeout(() => {
      controller.abort();
      if (!reply.sent) reply.send(new AppError("deadline-exceeded", { retryAfterS: 1 }));
    }, deadlineMs);
    reply.raw.once("close", () => {
      clearTimeout(timer);
      controller.abort();
    });
  });
}
