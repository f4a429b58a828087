import { assertTime, during } from "#core/deadline.ts";

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Lets each key have so much of its work done at the same time and no more; the rest of it waits, first come first served. What one
 * principal asks in a burst then stands in nobody else's way.
 */
export class FairShare {
  readonly #most: number;
  readonly #lines = new Map<string, Line>();

  /** @param most pieces of work of one key at the same time, ≥ 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Does the work when it is its turn.
   * @param signal aborted when nobody waits for the answer any more: whoever waits leaves the line, and a place is given up although its work goes on
   * @throws AppError `deadline-exceeded`; what the work throws
   */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    assertTime(signal);
    const line = this.#lines.get(key) ?? { running: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.running < this.#most) line.running += 1;
    // Whoever is done hands the place on, so `running` stays as it is.
    else await this.#turn(key, line, signal);
    try {
      return await during(signal, work);
    } finally {
      this.#leave(key, line);
    }
  }

  /** Keys of which something runs or waits. */
  get size(): number {
    return this.#lines.size;
  }

  async #turn(key: string, line: Line, signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    line.waiting.push(turn.resolve);
    try {
      await during(signal, () => turn.promise);
    } catch (error) {
      const at = line.waiting.indexOf(turn.resolve);
      if (at >= 0) line.waiting.splice(at, 1);
      // The place was handed on to it in the meantime.
      else this.#leave(key, line);
      throw error;
    }
  }

  #leave(key: string, line: Line): void {
    const next = line.waiting.shift();
    if (next !== undefined) next();
    else if (--line.running === 0) this.#lines.delete(key);
  }
}
