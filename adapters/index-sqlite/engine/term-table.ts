import { randomInt } from "node:crypto";

/** Terms of up to this many bytes are compared by what their place holds, which spares a look elsewhere. */
const short = 8;
/** Numbers of a place: hash and length, number of the term + 1 (0 = free), the first {@link short} bytes. */
const width = 4;

/**
 * Numbers for terms, from 0 upwards in the order of their first use: a hash table over their bytes, because a start meets millions of
 * terms and a string for each would cost more than all the rest.
 */
export class TermTable {
  // Chosen anew per table, so that nobody can prepare terms that all fall on one place. No result depends on it.
  readonly #seed = randomInt(2 ** 31);
  /** A power of two of places, at most half of them taken. */
  #places = new Int32Array(width * 1024);
  /** Where each term starts in `#bytes`; one more entry says where the last one ends. */
  #starts = new Int32Array(513);
  #bytes = new Uint8Array(4096);
  #size = 0;
  /** The first bytes of the term looked for last. */
  #low = 0;
  #high = 0;

  get size(): number {
    return this.#size;
  }

  /** A term's number, given out at its first use. */
  take(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#hash(bytes, start, end);
    const place = this.#place(hash, bytes, start, end);
    const known = this.#places[place + 1] ?? 0;
    if (known > 0) return known - 1;
    const number = this.#size++;
    this.#places[place] = hash;
    this.#places[place + 1] = number + 1;
    this.#places[place + 2] = this.#low;
    this.#places[place + 3] = this.#high;
    if (number + 1 >= this.#starts.length) this.#starts = grown(this.#starts, number + 2);
    const from = this.#starts[number] ?? 0;
    const to = from + end - start;
    if (to > this.#bytes.length) {
      const more = new Uint8Array(Math.max(to, Math.ceil(this.#bytes.length * 1.5)));
      more.set(this.#bytes);
      this.#bytes = more;
    }
    for (let i = start, at = from; i < end; i++, at++) this.#bytes[at] = bytes[i] ?? 0;
    this.#starts[number + 1] = to;
    if (this.#size * 2 * width > this.#places.length) this.#rehash();
    return number;
  }

  /** A term's number, or −1. */
  find(bytes: Uint8Array): number {
    const hash = this.#hash(bytes, 0, bytes.length);
    return (this.#places[this.#place(hash, bytes, 0, bytes.length) + 1] ?? 0) - 1;
  }

  /** A term's bytes. */
  bytesOf(number: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0);
  }

  /**
   * Mixes as MurmurHash3 does (A. Appleby, public domain): four bytes at a time for the first eight, then one by one. The lowest four bits
   * are the length, 9 standing for all that is longer than {@link short}. Leaves the first bytes in `#low` and `#high`.
   */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    const low = word(bytes, start, end);
    const high = end - start > 4 ? word(bytes, start + 4, end) : 0;
    const limit = Math.min(end, start + short);
    this.#low = low;
    this.#high = high;
    let hash = mixed(mixed(this.#seed ^ (end - start), low), high);
    for (let i = limit; i < end; i++) hash = mixed(hash, bytes[i] ?? 0);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) & ~15) | Math.min(end - start, short + 1);
  }

  /** Where the place of a term starts, or of the free one where it belongs; `#hash` was asked for the same term before. */
  #place(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    const low = this.#low;
    const high = this.#high;
    for (let place = firstPlace(hash) & mask; ; place = (place + width) & mask) {
      const number = (places[place + 1] ?? 0) - 1;
      if (number < 0) return place;
      if (places[place] !== hash || places[place + 2] !== low || places[place + 3] !== high) continue;
      if (end - start <= short || this.#isSame(number, bytes, start, end)) return place;
    }
  }

  #isSame(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const known = this.#bytes;
    const from = this.#starts[number] ?? 0;
    if ((this.#starts[number + 1] ?? 0) - from !== end - start) return false;
    for (let i = start, at = from; i < end; i++, at++) if (known[at] !== bytes[i]) return false;
    return true;
  }

  #rehash(): void {
    const before = this.#places;
    const places = new Int32Array(before.length * 2);
    const mask = places.length - 1;
    for (let from = 0; from < before.length; from += width) {
      if (before[from + 1] === 0) continue;
      let place = firstPlace(before[from] ?? 0) & mask;
      while (places[place + 1] !== 0) place = (place + width) & mask;
      for (let i = 0; i < width; i++) places[place + i] = before[from + i] ?? 0;
    }
    this.#places = places;
  }
}

/** The bits of a hash above the length, times {@link width}. */
function firstPlace(hash: number): number {
  return (hash >>> 4) * width;
}

/** Up to four bytes from `at`, the first one lowest. */
function word(bytes: Uint8Array, at: number, end: number): number {
  if (end - at >= 4) {
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
  }
  let value = 0;
  for (let i = at; i < end; i++) value |= (bytes[i] ?? 0) << (8 * (i - at));
  return value;
}

function mixed(hash: number, value: number): number {
  const turned = Math.imul(value, 0xcc9e2d51);
  const next = hash ^ Math.imul((turned << 15) | (turned >>> 17), 0x1b873593);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

/** The same numbers with room for at least `least`, and some more. */
export function grown(numbers: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(least, numbers.length * 2));
  more.set(numbers);
  return more;
}
