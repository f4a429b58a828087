/** Counts, by name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** In the order of the names. */
  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** Something that was killed and has not been seen working again. */
interface Wound {
  readonly kind: string;
  readonly at: number;
  readonly signs: Set<string>;
}

/**
 * How long it takes from a kill until what it hit works again: a sign is a success of one process (`query-1`), of one kind at any process (`read`, `write`), or a
 * process that listens. A success counts when its request was sent after the kill.
 */
export class Recoveries {
  readonly #open: Wound[] = [];
  readonly #times = new Map<string, number[]>();

  /** @param signs all of them have to be seen */
  killed(kind: string, signs: readonly string[]): void {
    if (signs.length > 0) this.#open.push({ kind, at: performance.now(), signs: new Set(signs) });
  }

  /** @param sentAt `performance.now()` when the request was sent */
  worked(sign: string, sentAt: number): void {
    for (let at = this.#open.length - 1; at >= 0; at -= 1) {
      const wound = this.#open[at];
      if (wound === undefined || wound.at > sentAt || !wound.signs.delete(sign) || wound.signs.size > 0) continue;
      this.#open.splice(at, 1);
      this.#times.set(wound.kind, [...(this.#times.get(wound.kind) ?? []), performance.now() - wound.at]);
    }
  }

  /** Kills after which something was never seen working again. */
  get open(): readonly string[] {
    return this.#open.map(({ kind, signs }) => `${kind}: ${[...signs].join(", ")}`);
  }

  /** Median and longest, ms, by kind. */
  toObject(): Readonly<Record<string, { readonly p50: number; readonly max: number }>> {
    return Object.fromEntries(
      [...this.#times].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, times]) => [kind, summary(times)]),
    );
  }
}

/** Median and longest of some times, whole ms. */
export function summary(times: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: Math.round(sorted[sorted.length >> 1] ?? 0), max: Math.round(sorted.at(-1) ?? 0) };
}
