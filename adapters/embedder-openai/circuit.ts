/**
 * Leaves an endpoint alone that failed several times in a row, and lets one request look when its rest is over (Nygard, "Release It!",
 * the circuit breaker). Beside that it keeps a pause that the endpoint asked for.
 */
export class Circuit {
  readonly #failures: number;
  readonly #restMs: number;
  readonly #clock: () => number;
  #inARow = 0;
  #restsUntil: number | undefined;
  #pausedUntil = 0;
  #isLooking = false;

  /** @param failures in a row that open it; @param restMs how long it stays open */
  constructor({ failures, restMs }: { readonly failures: number; readonly restMs: number }, clock: () => number) {
    this.#failures = failures;
    this.#restMs = restMs;
    this.#clock = clock;
  }

  /** How long nothing is to be asked, ms; 0 = a request may go. */
  blockedMs(): number {
    const now = this.#clock();
    const paused = Math.max(0, this.#pausedUntil - now);
    if (this.#restsUntil === undefined) return paused;
    // Somebody is looking already: it will not take longer than a rest, or another rest begins.
    return Math.max(paused, this.#isLooking ? this.#restMs : this.#restsUntil - now, 0);
  }

  /** A request goes, after {@link blockedMs} was 0. */
  asked(): void {
    if (this.#restsUntil !== undefined) this.#isLooking = true;
  }

  /** The endpoint works, whatever it thought of the request. */
  answered(): void {
    this.#inARow = 0;
    this.#restsUntil = undefined;
    this.#isLooking = false;
  }

  failed(): void {
    this.#inARow += 1;
    if (this.#inARow >= this.#failures || this.#restsUntil !== undefined)
      this.#restsUntil = this.#clock() + this.#restMs;
    this.#isLooking = false;
  }

  /** The request was given up by whoever asked: nothing was found out. */
  givenUp(): void {
    this.#isLooking = false;
  }

  /** It asked to be left alone for so long, ms. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock() + ms);
    this.#isLooking = false;
  }
}

/** Tries that all requests together may spend beside their first one, so that an outage is not met with a multiple of the load. */
export class RetryBudget {
  #left = mostRetries * answersPerRetry;

  /** @returns whether there was one left */
  spend(): boolean {
    if (this.#left < answersPerRetry) return false;
    this.#left -= answersPerRetry;
    return true;
  }

  /** A request was answered. */
  earn(): void {
    this.#left = Math.min(mostRetries * answersPerRetry, this.#left + 1);
  }
}

const mostRetries = 10;
/** Answers that earn one more, in the long run. */
const answersPerRetry = 5;
