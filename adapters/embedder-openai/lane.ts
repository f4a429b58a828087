import { setTimeout as sleep } from "node:timers/promises";
import { assertTime } from "#core/deadline.ts";
import { Circuit, RetryBudget } from "./circuit.ts";
import { EndpointError } from "./endpoint-error.ts";
import type { Patience } from "./options.ts";
import type { AskOnce } from "./request.ts";

/** What a {@link Lane} needs. */
export interface LaneOptions {
  readonly ask: AskOnce;
  readonly patience: Patience;
  /** Longest single request, ms. */
  readonly attemptMs: number;
  readonly clock: () => number;
  readonly random: () => number;
  readonly closing: AbortSignal;
}

/**
 * Requests of one purpose to one endpoint, tried again while there is time. Questions and passages have a lane each: a document that makes
 * the endpoint fail must not keep questions from being asked.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #circuit: Circuit;
  readonly #budget = new RetryBudget();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#circuit = new Circuit(options.patience, options.clock);
  }

  /**
   * @param deadline by the clock, ms
   * @param signal aborted when nobody waits any more, which is no failure of the endpoint
   * @throws EndpointError; AppError `deadline-exceeded`
   */
  async vectors(
    texts: readonly string[],
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    assertTime(signal);
    const { clock, closing, patience } = this.#options;
    const blocked = this.#circuit.blockedMs();
    if (blocked > 0) throw new EndpointError("not-asked", "the endpoint is left alone after its failures", blocked);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(texts, deadline, signal);
      } catch (error) {
        if (!(error instanceof EndpointError) || !mayPass.has(error.failure) || attempt >= patience.attempts)
          throw error;
        const wait = Math.max(this.#jitter(attempt), this.#circuit.blockedMs());
        // Not a moment too late: a try that cannot end in time would only add to the load.
        if (clock() + wait >= deadline || !this.#budget.spend()) throw error;
        const over = signal === undefined ? closing : AbortSignal.any([closing, signal]);
        await sleep(wait, undefined, { signal: over }).catch(() => {});
        assertTime(signal);
        // Somebody else's failure, or a rest that ours began.
        if (closing.aborted || this.#circuit.blockedMs() > toleranceMs) throw error;
      }
    }
  }

  async #once(
    texts: readonly string[],
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    const { ask, attemptMs, clock } = this.#options;
    const left = Math.min(attemptMs, deadline - clock());
    if (left <= 0) throw new EndpointError("not-asked", "no time is left");
    this.#circuit.asked();
    try {
      const vectors = await ask(texts, left, signal);
      this.#circuit.answered();
      this.#budget.earn();
      return vectors;
    } catch (error) {
      if (signal?.aborted === true) {
        this.#circuit.givenUp();
        throw error;
      }
      const failure = error instanceof EndpointError ? error : undefined;
      if (failure?.failure === "text-refused") this.#circuit.answered();
      else if (failure?.failure !== "rate-limited" && failure?.failure !== "not-asked") this.#circuit.failed();
      if (failure?.failure === "rate-limited" || failure?.retryAfterMs !== undefined) {
        this.#circuit.pause(failure.retryAfterMs ?? this.#jitter(1));
      }
      throw error;
    }
  }

  /** Full jitter: requests that failed together do not come back together. */
  #jitter(attempt: number): number {
    const { patience, random } = this.#options;
    return random() * patience.backoffMs * 2 ** (attempt - 1);
  }
}

/** Failures that may be over at the next try. */
const mayPass: ReadonlySet<EndpointError["failure"]> = new Set(["no-answer", "rate-limited", "wrong-answer"]);
/** Timers may fire a little early. */
const toleranceMs = 5;
