/** Room for numbers of one search, used again by the next: fresh arrays of this size would cost more than the sums in them. */
export class Scratch {
  #numbers = new Float64Array(0);

  /** So many numbers, whatever they were; until the next call. */
  take(length: number): Float64Array {
    if (length > this.#numbers.length) this.#numbers = new Float64Array(Math.ceil(length * 1.25));
    return this.#numbers.subarray(0, length);
  }
}

/** Marks of one search by slot, all 0 at first. */
export class Marks {
  #numbers = new Int32Array(0);

  /** At least so many marks. Whoever takes them sets back to 0 what it sets: that is a few, and all of them are many. */
  take(length: number): Int32Array {
    if (length > this.#numbers.length) this.#numbers = new Int32Array(Math.ceil(length * 1.25));
    return this.#numbers;
  }
}
