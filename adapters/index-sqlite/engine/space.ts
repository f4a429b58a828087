import { Int8Slab } from "./int8-slab.ts";
import { unpack } from "./packed.ts";
import { Postings } from "./postings.ts";
import { Marks, Scratch } from "./scratch.ts";
import { grown } from "./term-table.ts";
import { ExactVectors, vectorProblem } from "./vectors.ts";

/** Postings are cleaned once this many removed slots wait, or an eighth of all. */
const cleanAt = 256;

/**
 * The chunks of one fingerprint in memory, by slot: exact vectors, their int8 copy, postings, lengths. Vectors of two fingerprints never
 * meet.
 */
export class Space {
  readonly dimensions: number;
  readonly exact: ExactVectors;
  readonly coarse: Int8Slab;
  /** One for each array that a search needs at the same time. */
  readonly scratch = {
    products: new Scratch(),
    neighbours: new Scratch(),
    scores: new Scratch(),
    rows: new Marks(),
  } as const;
  readonly chunkIds: string[] = [];
  /** Number of the chunk in its document, per slot. */
  numbers = new Int32Array(64);
  /** Analysed terms per slot. */
  termCounts = new Int32Array(64);
  #postings = new Postings();
  readonly #generations = new Map<number, Int32Array>();
  readonly #free: number[] = [];
  readonly #removed = new Set<number>();
  #slots = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.exact = new ExactVectors(dimensions);
    this.coarse = new Int8Slab(dimensions);
  }

  /** Slots ever given out; every slot is below. */
  get slots(): number {
    return this.#slots;
  }

  /** In order, whatever was added so far. */
  get postings(): Postings {
    this.#postings.settle();
    return this.#postings;
  }

  /** The slots of a generation's chunks, in the order of their numbers. */
  generation(handle: number): Int32Array | undefined {
    return this.#generations.get(handle);
  }

  /**
   * Takes a generation in; one that is there already stays as it is.
   * @param vectors one after the other
   * @param packed from `pack`, for the same chunks
   * @throws Error when the two do not fit together or a vector is not of unit length; the space is then not to be used further
   */
  add(handle: number, vectors: Float32Array, packed: Uint8Array): void {
    if (this.#generations.has(handle)) return;
    const { dimensions } = this;
    const slots: number[] = [];
    let slot = -1;
    unpack(packed, {
      chunk: (number, chunkId, termCount) => {
        const from = slots.length * dimensions;
        const problem = vectorProblem(vectors.subarray(from, from + dimensions), dimensions);
        if (problem !== undefined) throw new Error(`stored chunk ${number} of generation ${handle}: ${problem}`);
        slot = this.#take();
        slots.push(slot);
        this.exact.set(slot, vectors, from);
        this.coarse.set(slot, vectors, from);
        this.numbers[slot] = number;
        this.termCounts[slot] = termCount;
        this.chunkIds[slot] = chunkId;
      },
      term: (bytes, start, end, frequency) => this.#postings.add(slot, bytes, start, end, frequency),
    });
    if (slots.length * dimensions !== vectors.length) {
      throw new Error(`generation ${handle} has ${slots.length} chunks and ${vectors.length / dimensions} vectors`);
    }
    this.#generations.set(handle, Int32Array.from(slots));
  }

  /** Says that what a start reads is all there: the first search has not to put it in order. */
  settle(): void {
    this.#postings.settle();
  }

  /** Erases a generation; one that is not there is no error. */
  remove(handle: number): void {
    const slots = this.#generations.get(handle);
    if (slots === undefined) return;
    this.#generations.delete(handle);
    const zeros = new Float32Array(this.dimensions);
    for (const slot of slots) {
      this.#removed.add(slot);
      // Erased now, not at the next use of the slot.
      this.exact.set(slot, zeros, 0);
      this.coarse.erase(slot);
      this.chunkIds[slot] = "";
    }
    if (this.#removed.size >= Math.max(cleanAt, this.#slots / 8)) this.#clean();
  }

  #take(): number {
    const reused = this.#free.pop();
    if (reused !== undefined) return reused;
    const slot = this.#slots++;
    this.coarse.reserve(slot + 1);
    if (slot >= this.numbers.length) {
      this.numbers = grown(this.numbers, slot + 1);
      this.termCounts = grown(this.termCounts, slot + 1);
    }
    return slot;
  }

  #clean(): void {
    this.#postings.settle();
    this.#postings = this.#postings.without(this.#removed);
    for (const slot of this.#removed) this.#free.push(slot);
    this.#removed.clear();
  }
}
