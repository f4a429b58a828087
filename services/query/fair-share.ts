import { AppError } from "#core/errors.ts";

/**
 * Lets each key have so much of its work done at the same time and no more; the rest of it waits, first come first served. What one
 * principal asks in a burst then stands in nobody else's way.
 */
export class FairShare {
  readonly #most: number;
  readonly #lines = new Map<string, { running: number; readonly waiting: (() => void)[] }>();

  /** @param most pieces of work of one key at the same time, ≥ 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Does the work when it is its turn.
   * @param signal aborted when nobody waits for the answer any more: work that has not begun by then never does
   * @throws AppError `deadline-exceeded`; what the work throws
   */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { running: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.running < this.#most) line.running += 1;
    // Whoever is done hands the place on, so `running` stays as it is.
    else await new Promise<void>((begin) => line.waiting.push(begin));
    try {
      if (signal.aborted) throw new AppError("deadline-exceeded", { retryAfterS: 1 });
      return await work();
    } finally {
      const next = line.waiting.shift();
      if (next !== undefined) next();
      else if (--line.running === 0) this.#lines.delete(key);
    }
  }

  /** Keys of which something runs or waits. */
  get size(): number {
    return this.#lines.size;
  }
}
