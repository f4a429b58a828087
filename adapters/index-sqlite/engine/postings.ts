import { Gathered } from "./gathered.ts";
import { termBytes } from "./packed.ts";
import { grown, TermTable } from "./term-table.ts";

/**
 * Blocks of a chain have room for 1, 2, 4 … and from then on always this many pairs: half of all terms occur once, and a few nearly
 * everywhere.
 */
const longestBlock = 128;
/** Numbers of one segment, a power of two: segments are never moved, so growing copies nothing. No block lies in two. */
const segmentBits = 20;
const segmentLength = 2 ** segmentBits;

/**
 * An inverted index over slots. What a start reads is gathered first and then put in order, term by term, by counting: a run of pairs
 * of slot and frequency for each term. What comes later stands in chains of blocks behind the runs. A removed slot stays until
 * {@link Postings.without}; whoever reads must know which slots count.
 */
export class Postings {
  readonly #terms: TermTable;
  /** Until {@link Postings.settle}. */
  #gathered: Gathered | undefined;
  /** Runs of pairs, and by term where its run starts; one more entry says where the last one ends. */
  #runs = none;
  #starts = new Int32Array(1);
  /** Each block starts with the place of the next one; 0 = none. Only the first segment starts small. */
  readonly #segments = [new Int32Array(4096)];
  /** The place 0 is no block. */
  #used = 1;
  /** By term: first block, place of the next pair, pairs that the last block has room for, pairs altogether. */
  #chains = new Int32Array(4 * 512);

  constructor(terms = new TermTable()) {
    this.#terms = terms;
    this.#gathered = new Gathered();
  }

  /** Counts a term of a chunk. Each term comes once per chunk, and the terms of a chunk one after the other. */
  add(slot: number, bytes: Uint8Array, start: number, end: number, frequency: number): void {
    const number = this.#terms.take(bytes, start, end);
    if (this.#gathered === undefined) this.#chain(slot, number, frequency);
    else this.#gathered.add(slot, number, frequency);
  }

  /** Puts in order what was added so far; whatever comes later goes behind it. Nothing can be read before. */
  settle(): void {
    if (this.#gathered === undefined) return;
    const { runs, starts } = this.#gathered.sorted(this.#terms.size);
    this.#runs = runs;
    this.#starts = starts;
    this.#gathered = undefined;
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
    const isRemoved = new Uint8Array(1 + removed.values().reduce((most, slot) => Math.max(most, slot), -1));
    for (const slot of removed) isRemoved[slot] = 1;
    const terms = new TermTable();
    const starts = [0];
    let used = 0;
    let runs = new Int32Array(this.#runs.length);
    for (let number = 0; number < this.#terms.size; number++) {
      const before = used;
      const pairs = this.#pairs(number);
      if (used + pairs.length > runs.length) runs = grown(runs, used + pairs.length);
      for (let i = 0; i < pairs.length; i += 2) {
        const slot = pairs[i] ?? 0;
        if (isRemoved[slot] === 1) continue;
        runs[used] = slot;
        runs[used + 1] = pairs[i + 1] ?? 0;
        used += 2;
      }
      if (used === before) continue;
      const bytes = this.#terms.bytesOf(number);
      terms.take(bytes, 0, bytes.length);
      starts.push(used);
    }
    const kept = new Postings(terms);
    kept.#gathered = undefined;
    kept.#runs = used * 2 < runs.length ? runs.slice(0, used) : runs;
    kept.#starts = Int32Array.from(starts);
    return kept;
  }

  /** The pairs of a term: a look into the run where nothing came later, so never to be written to. */
  #pairs(number: number): Int32Array {
    if (this.#gathered !== undefined) throw new Error("postings were read before they were put in order");
    const last = this.#starts.length - 1;
    const run = number < last ? this.#runs.subarray(this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0) : none;
    const later = 2 * (this.#chains[4 * number + 3] ?? 0);
    if (later === 0) return run;
    const pairs = new Int32Array(run.length + later);
    pairs.set(run);
    let block = this.#chains[4 * number] ?? 0;
    for (let at = run.length, room = 2; at < pairs.length; room = Math.min(2 * longestBlock, 2 * room)) {
      const segment = this.#segments[block >>> segmentBits] ?? none;
      const start = block & (segmentLength - 1);
      const end = start + 1 + Math.min(room, pairs.length - at);
      for (let i = start + 1; i < end; i++) pairs[at++] = segment[i] ?? 0;
      block = segment[start] ?? 0;
    }
    return pairs;
  }

  #chain(slot: number, number: number, frequency: number): void {
    const term = 4 * number;
    if (term >= this.#chains.length) this.#chains = grown(this.#chains, term + 4);
    const chains = this.#chains;
    let at = chains[term + 1] ?? 0;
    let room = chains[term + 2] ?? 0;
    const count = chains[term + 3] ?? 0;
    if (room === 0) {
      room = Math.min(longestBlock, count + 1);
      const block = this.#block(room);
      if (count === 0) chains[term] = block;
      // A full block ends where the next pair would go.
      else this.#link(at - 2 * Math.min(longestBlock, (count + 1) / 2) - 1, block);
      at = block + 1;
    }
    const segment = this.#segments[at >>> segmentBits] ?? none;
    const inSegment = at & (segmentLength - 1);
    segment[inSegment] = slot;
    segment[inSegment + 1] = frequency;
    chains[term + 1] = at + 2;
    chains[term + 2] = room - 1;
    chains[term + 3] = count + 1;
  }

  #link(block: number, next: number): void {
    const segment = this.#segments[block >>> segmentBits] ?? none;
    segment[block & (segmentLength - 1)] = next;
  }

  /** Room for a block with so many pairs. @returns its place */
  #block(pairs: number): number {
    const length = 1 + 2 * pairs;
    const last = this.#segments.length - 1;
    if ((this.#used & (segmentLength - 1)) + length > segmentLength || this.#used === (last + 1) * segmentLength) {
      this.#used = (last + 1) * segmentLength;
      this.#segments.push(new Int32Array(segmentLength));
    } else {
      const segment = this.#segments[last];
      const needed = (this.#used & (segmentLength - 1)) + length;
      if (segment !== undefined && segment.length < needed) {
        this.#segments[last] = grown(segment, needed).subarray(0, segmentLength);
      }
    }
    const start = this.#used;
    this.#used += length;
    return start;
  }
}

const none = new Int32Array(0);
