import { inBlocks } from "./blocks.ts";

/**
 * Positions of the highest numbers above a bound, at most `limit`, best first. Equal numbers keep the order of their positions,
 * so the result depends on nothing but the numbers.
 */
export function best(values: Float64Array, limit: number, above = 0): Int32Array {
  const size = Math.min(limit, values.length);
  if (size === 0) return new Int32Array(0);
  const heap = new Heap(size);
  // Most numbers fall below the worst of those kept: one comparison for each of them. Later positions lose a tie.
  let bound = above;
  inBlocks(values.length, (from, to) => {
    for (let at = next(values, from, to, bound); at < to; at = next(values, at + 1, to, bound)) {
      const worst = heap.take(values[at] ?? 0, at);
      if (worst !== undefined) bound = worst;
    }
  });
  return heap.sorted();
}

/** The first position from `from` on with a number above the bound, or `to`. */
function next(values: Float64Array, from: number, to: number, bound: number): number {
  for (let position = from; position < to; position++) if ((values[position] ?? 0) > bound) return position;
  return to;
}

/** Keeps the best so far. The worst of them, of equal ones the last, lies at the root. */
class Heap {
  readonly #values: Float64Array;
  readonly #positions: Int32Array;
  #used = 0;

  constructor(size: number) {
    this.#values = new Float64Array(size);
    this.#positions = new Int32Array(size);
  }

  /** Takes a number that is better than the worst. @returns the worst of those kept once there is no room for more */
  take(value: number, position: number): number | undefined {
    if (this.#used === this.#values.length) {
      this.#down(value, position);
      return this.#values[0];
    }
    this.#up(value, position);
    return this.#used === this.#values.length ? this.#values[0] : undefined;
  }

  /** Positions, best first. */
  sorted(): Int32Array {
    const values = this.#values;
    const order = Int32Array.from({ length: this.#used }, (_, i) => i).toSorted(
      (a, b) => (values[b] ?? 0) - (values[a] ?? 0) || (this.#positions[a] ?? 0) - (this.#positions[b] ?? 0),
    );
    return order.map((i) => this.#positions[i] ?? 0);
  }

  #up(value: number, position: number): void {
    const values = this.#values;
    const positions = this.#positions;
    let at = this.#used++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      // Of equal numbers the later position is worse, and it is always the new one.
      if ((values[parent] ?? 0) < value) break;
      values[at] = values[parent] ?? 0;
      positions[at] = positions[parent] ?? 0;
      at = parent;
    }
    values[at] = value;
    positions[at] = position;
  }

  #down(value: number, position: number): void {
    const values = this.#values;
    const positions = this.#positions;
    const size = values.length;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const left = values[child] ?? 0;
      const right = child + 1 < size ? (values[child + 1] ?? 0) : Infinity;
      if (right < left || (right === left && (positions[child + 1] ?? 0) > (positions[child] ?? 0))) child++;
      const under = Math.min(left, right);
      if (under > value || (under === value && (positions[child] ?? 0) < position)) break;
      values[at] = under;
      positions[at] = positions[child] ?? 0;
      at = child;
    }
    values[at] = value;
    positions[at] = position;
  }
}
