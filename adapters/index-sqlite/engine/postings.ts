import { termBytes } from "./packed.ts";
import { grown, TermTable } from "./term-table.ts";

/** Most pairs of one block. */
const longestBlock = 128;
/** Numbers before the pairs of a block: where the next block starts (0 = none), and how many pairs there is room for. */
const header = 2;

/**
 * An inverted index over slots: for each term a chain of blocks with pairs of slot and frequency, all in one array. A removed slot stays
 * until {@link Postings.without}; whoever reads must know which slots count.
 */
export class Postings {
  readonly #terms = new TermTable();
  #data = new Int32Array(4096);
  /** 0 is "no block". */
  #used = 1;
  /** By term: first block, last block, pairs in the last block, pairs altogether. */
  #chains = new Int32Array(4 * 512);

  /** Counts a term of a chunk. Each term comes once per chunk. */
  add(slot: number, bytes: Uint8Array, start: number, end: number, frequency: number): void {
    const term = 4 * this.#terms.take(bytes, start, end);
    if (term >= this.#chains.length) this.#chains = grown(this.#chains, term + 4);
    const chains = this.#chains;
    const last = chains[term + 1] ?? 0;
    let block = last;
    let inBlock = chains[term + 2] ?? 0;
    if (last === 0 || inBlock === (this.#data[last + 1] ?? 0)) {
      // The first holds one pair: half of all terms occur once.
      block = this.#block(last === 0 ? 1 : Math.min(longestBlock, 2 * inBlock));
      if (last === 0) chains[term] = block;
      else this.#data[last] = block;
      chains[term + 1] = block;
      inBlock = 0;
    }
    this.#data[block + header + 2 * inBlock] = slot;
    this.#data[block + header + 2 * inBlock + 1] = frequency;
    chains[term + 2] = inBlock + 1;
    chains[term + 3] = (chains[term + 3] ?? 0) + 1;
  }

  /** Pairs of slot and frequency, removed slots included, in no meaningful order. */
  of(term: string): Int32Array {
    const number = this.#terms.find(termBytes(term));
    return number < 0 ? none : this.#pairs(number);
  }

  /** Terms, those of removed slots included. */
  get terms(): number {
    return this.#terms.size;
  }

  /** The same without the removed slots, which can then be given out again, and without terms that only they had. */
  without(removed: ReadonlySet<number>): Postings {
    const kept = new Postings();
    for (let number = 0; number < this.#terms.size; number++) {
      const bytes = this.#terms.bytesOf(number);
      const pairs = this.#pairs(number);
      for (let i = 0; i < pairs.length; i += 2) {
        const slot = pairs[i] ?? 0;
        if (!removed.has(slot)) kept.add(slot, bytes, 0, bytes.length, pairs[i + 1] ?? 0);
      }
    }
    return kept;
  }

  #pairs(number: number): Int32Array {
    const data = this.#data;
    const numbers = 2 * (this.#chains[4 * number + 3] ?? 0);
    const pairs = new Int32Array(numbers);
    let at = 0;
    for (let block = this.#chains[4 * number] ?? 0; block !== 0; block = data[block] ?? 0) {
      const length = Math.min(2 * (data[block + 1] ?? 0), numbers - at);
      for (let i = block + header; i < block + header + length; i++) pairs[at++] = data[i] ?? 0;
    }
    return pairs;
  }

  #block(pairs: number): number {
    const start = this.#used;
    this.#used += header + 2 * pairs;
    if (this.#used > this.#data.length) this.#data = grown(this.#data, this.#used);
    this.#data[start] = 0;
    this.#data[start + 1] = pairs;
    return start;
  }
}

const none = new Int32Array(0);
