import type { FastifyInstance, FastifyRequest } from "fastify";
import { deadlineExceeded } from "#core/deadline.ts";
import { limitExceeded } from "#core/errors.ts";
import { limits } from "#core/limits.ts";

/** The time of one request. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #startedAt = performance.now();
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** What the service gives every request, ms. */
  readonly longestMs: number;

  constructor(longestMs: number, onOver: () => void) {
    this.longestMs = longestMs;
    this.#onOver = onOver;
    this.set(longestMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the request's time so many ms after it has arrived. */
  set(ms: number): void {
    clearTimeout(this.#timer);
    const left = Math.max(0, ms - (performance.now() - this.#startedAt));
    this.#timer = setTimeout(() => {
      this.end();
      this.#onOver();
    }, left);
  }

  /** Nobody waits for the answer any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort(deadlineExceeded());
  }
}

const deadlines = new WeakMap<FastifyRequest, Deadline>();
const unbounded = new AbortController().signal;

/** Aborted once nobody waits for the answer of a request any more: at its deadline, or when the connection is gone. */
export const signalOf = (request: FastifyRequest): AbortSignal => deadlines.get(request)?.signal ?? unbounded;

/**
 * For a route whose body may ask for less time, in `timeout_ms`: from the moment that the request has arrived, for everything that follows. To be
 * its hook `preValidation`, before anything else is asked on behalf of the request. Whatever else is wrong with the body is its schema's business.
 * @throws AppError `limit-exceeded` for more than the service's own deadline, which would be a promise that it cannot keep
 */
export async function takeTimeout(request: FastifyRequest): Promise<void> {
  const { body } = request;
  const deadline = deadlines.get(request);
  if (deadline === undefined || typeof body !== "object" || body === null || !("timeout_ms" in body)) return;
  const { timeout_ms: ms } = body;
  if (typeof ms !== "number" || !Number.isInteger(ms)) return;
  if (ms > deadline.longestMs) throw limitExceeded("timeout_ms", deadline.longestMs, "ms", "/timeout_ms");
  if (ms >= limits.leastTimeoutMs) deadline.set(ms);
}

/**
 * Answers for handlers that take longer than the deadline, counted from the moment that the request has arrived. Fastify's own
 * `handlerTimeout` ends with the request's stream: of a request with a body that is before its handler begins.
 */
export function keepDeadline(app: FastifyInstance, deadlineMs: number): void {
  // The first moment at which all of the request is here.
  app.addHook("preValidation", async (request, reply) => {
    const deadline = new Deadline(deadlineMs, () => {
      // Work that heeds its signal has its own answer ready by then, and this is for what does not.
      setImmediate(() => {
        if (!reply.sent) reply.send(deadlineExceeded());
      });
    });
    deadlines.set(request, deadline);
    reply.raw.once("close", () => deadline.end());
  });
}
