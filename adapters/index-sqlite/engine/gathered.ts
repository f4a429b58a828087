import { grown } from "./term-table.ts";

/** Numbers of one segment, a power of two: segments are never moved, so growing copies nothing. */
const segmentBits = 20;
const segmentLength = 2 ** segmentBits;

/** Pairs of term and frequency in the order in which they were read, to be put in the order of the terms by counting. */
export class Gathered {
  /** Term and frequency, one pair after the other. */
  readonly #segments: Int32Array[] = [];
  #used = 0;
  /** Slots in the order of reading, and where the pairs of each end. */
  #slots = new Int32Array(256);
  #ends = new Int32Array(256);
  #runs = 0;
  /** Pairs by term. */
  #counts = new Int32Array(1024);

  /** The pairs of a slot come one after the other. */
  add(slot: number, term: number, frequency: number): void {
    const at = this.#used & (segmentLength - 1);
    if (at === 0) this.#segments.push(new Int32Array(segmentLength));
    const segment = this.#segments[this.#used >>> segmentBits] ?? none;
    segment[at] = term;
    segment[at + 1] = frequency;
    this.#used += 2;
    if (term >= this.#counts.length) this.#counts = grown(this.#counts, term + 1);
    this.#counts[term] = (this.#counts[term] ?? 0) + 1;
    if (this.#runs === 0 || this.#slots[this.#runs - 1] !== slot) this.#start(slot);
    this.#ends[this.#runs - 1] = this.#used;
  }

  /**
   * Runs of pairs of slot and frequency, and where the run of each term starts; one more entry says where the last one ends.
   * @param terms how many there are
   */
  sorted(terms: number): { readonly runs: Int32Array<ArrayBuffer>; readonly starts: Int32Array<ArrayBuffer> } {
    const starts = new Int32Array(terms + 1);
    for (let term = 0; term < terms; term++) {
      starts[term + 1] = (starts[term] ?? 0) + 2 * (this.#counts[term] ?? 0);
    }
    const next = starts.slice();
    const runs = new Int32Array(this.#used);
    for (let i = 0, at = 0; i < this.#runs; i++) {
      const slot = this.#slots[i] ?? 0;
      const end = this.#ends[i] ?? 0;
      for (; at < end; at += 2) {
        const segment = this.#segments[at >>> segmentBits] ?? none;
        const inSegment = at & (segmentLength - 1);
        const term = segment[inSegment] ?? 0;
        const to = next[term] ?? 0;
        runs[to] = slot;
        runs[to + 1] = segment[inSegment + 1] ?? 0;
        next[term] = to + 2;
      }
    }
    return { runs, starts };
  }

  #start(slot: number): void {
    if (this.#runs === this.#slots.length) {
      this.#slots = grown(this.#slots, this.#runs + 1);
      this.#ends = grown(this.#ends, this.#runs + 1);
    }
    this.#slots[this.#runs++] = slot;
  }
}

const none = new Int32Array(0);
