import { randomInt } from "node:crypto";

/**
 * Numbers for terms, from 0 upwards in the order of their first use: a hash table over their bytes, because a start meets millions of
 * terms and a string for each would cost more than all the rest.
 */
export class TermTable {
  // Chosen anew per table, so that nobody can prepare terms that all fall on one place. No result depends on it.
  readonly #seed = randomInt(2 ** 31);
  /** Number of a term + 1; 0 = free. A power of two, at most half full. */
  #places = new Int32Array(1024);
  #hashes = new Int32Array(512);
  /** Where each term starts in `#bytes`; one more entry says where the last one ends. */
  #starts = new Int32Array(513);
  #bytes = new Uint8Array(4096);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A term's number, given out at its first use. */
  take(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hash(bytes, start, end);
    const place = this.#place(hash, bytes, start, end);
    const known = this.#places[place] ?? 0;
    if (known > 0) return known - 1;
    const number = this.#size++;
    this.#places[place] = number + 1;
    if (number >= this.#hashes.length) {
      this.#hashes = grown(this.#hashes, number + 1);
      this.#starts = grown(this.#starts, number + 2);
    }
    this.#hashes[number] = hash;
    const from = this.#starts[number] ?? 0;
    const to = from + end - start;
    if (to > this.#bytes.length) {
      const more = new Uint8Array(Math.max(to, Math.ceil(this.#bytes.length * 1.5)));
      more.set(this.#bytes);
      this.#bytes = more;
    }
    for (let i = start, at = from; i < end; i++, at++) this.#bytes[at] = bytes[i] ?? 0;
    this.#starts[number + 1] = to;
    if (this.#size * 2 > this.#places.length) this.#rehash();
    return number;
  }

  /** A term's number, or −1. */
  find(bytes: Uint8Array): number {
    return (this.#places[this.#place(this.#hash(bytes, 0, bytes.length), bytes, 0, bytes.length)] ?? 0) - 1;
  }

  /** A term's bytes. */
  bytesOf(number: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0);
  }

  /** Fowler, Noll and Vo's FNV-1a, with a last mixing as in MurmurHash3. */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  /** The place of a term, or the free one where it belongs. */
  #place(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#places.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const number = (this.#places[place] ?? 0) - 1;
      if (number < 0 || (this.#hashes[number] === hash && this.#isSame(number, bytes, start, end))) return place;
    }
  }

  #isSame(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[number] ?? 0;
    if ((this.#starts[number + 1] ?? 0) - from !== end - start) return false;
    for (let i = start, at = from; i < end; i++, at++) if (this.#bytes[at] !== bytes[i]) return false;
    return true;
  }

  #rehash(): void {
    const places = new Int32Array(this.#places.length * 2);
    const mask = places.length - 1;
    for (let number = 0; number < this.#size; number++) {
      let place = (this.#hashes[number] ?? 0) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = number + 1;
    }
    this.#places = places;
  }
}

/** The same numbers with room for at least `least`, and then half as many again. */
export function grown(numbers: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(least, Math.ceil(numbers.length * 1.5)));
  more.set(numbers);
  return more;
}
