/** Neighbours that fit one chunk together. */
export interface Group<T> {
  readonly units: readonly T[];
  /** As measured. */
  readonly tokens: number;
}

/**
 * Greedy filling: each group takes as many units as fit. The sum of the units' tokens tells when to measure the whole group,
 * so that a group is measured a few times and not once per unit, which would be quadratic; what is handed out was measured.
 */
export class Filling<T> {
  readonly #maxTokens: number;
  readonly #measure: (units: readonly T[]) => number;
  #units: T[] = [];
  #estimate = 0;

  /**
   * @param maxTokens of one group; a unit that is larger alone makes a group alone
   * @param measure tokens of neighbours together; grows with the units
   */
  constructor(maxTokens: number, measure: (units: readonly T[]) => number) {
    this.#maxTokens = maxTokens;
    this.#measure = measure;
  }

  /** Adds the next unit. @returns the groups that it completed, often none */
  add(unit: T, tokens: number): readonly Group<T>[] {
    this.#units.push(unit);
    this.#estimate += tokens;
    return this.#estimate <= this.#maxTokens ? [] : this.#close(false);
  }

  /** Hands out what is left. */
  end(): readonly Group<T>[] {
    return this.#close(true);
  }

  #close(last: boolean): readonly Group<T>[] {
    const groups: Group<T>[] = [];
    while (this.#units.length > 0) {
      this.#estimate = this.#measure(this.#units);
      if (this.#estimate <= this.#maxTokens && !last) break;
      const group = this.#longest();
      if (group.units.length === this.#units.length && !last) break;
      groups.push(group);
      this.#units = this.#units.slice(group.units.length);
    }
    if (this.#units.length === 0) this.#estimate = 0;
    return groups;
  }

  /** The most units from the front that fit; a measured sum is nearly always right, so the two longest are tried first. */
  #longest(): Group<T> {
    const all = this.#units.length;
    if (all === 1 || this.#estimate <= this.#maxTokens) return { units: this.#units, tokens: this.#estimate };
    let fits = 0;
    let tokens = 0;
    let over = all;
    for (let size = all - 1; fits + 1 < over; size = Math.floor((fits + over) / 2)) {
      const measured = this.#measure(this.#units.slice(0, size));
      if (measured <= this.#maxTokens) {
        fits = size;
        tokens = measured;
      } else {
        over = size;
      }
    }
    const units = this.#units.slice(0, Math.max(fits, 1));
    return { units, tokens: fits > 0 ? tokens : this.#measure(units) };
  }
}
