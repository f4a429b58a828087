import { Postings } from "./postings.ts";
import type { MemoryChunk } from "./rows.ts";

/** Slots are swept together once this many wait, or an eighth of all. */
const sweepAt = 256;

/** The chunks of one fingerprint in memory: vectors in one slab, postings, lengths. Vectors of two fingerprints never meet. */
export class Space {
  readonly dimensions: number;
  readonly postings = new Postings();
  /** Unit vectors, {@link dimensions} numbers per slot. */
  vectors: Float32Array;
  /** Analysed terms per slot. */
  termCounts: Int32Array;
  readonly chunkIds: string[] = [];
  readonly #generations = new Map<string, Generation>();
  readonly #free: number[] = [];
  readonly #removed = new Set<number>();
  #slots = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.vectors = new Float32Array(64 * dimensions);
    this.termCounts = new Int32Array(64);
  }

  /** Slots ever given out; every slot is below. */
  get slots(): number {
    return this.#slots;
  }

  /** @param ref {@link LiveRef.ref} */
  generation(ref: string): Generation | undefined {
    return this.#generations.get(ref);
  }

  add(ref: string, chunks: readonly MemoryChunk[]): void {
    const slots = new Int32Array(chunks.length);
    const numbers = new Int32Array(chunks.length);
    chunks.forEach((chunk, position) => {
      const slot = this.#take();
      slots[position] = slot;
      numbers[position] = chunk.chunk;
      this.vectors.set(chunk.vector, slot * this.dimensions);
      this.termCounts[slot] = chunk.termCount;
      this.chunkIds[slot] = chunk.chunkId;
      this.postings.add(slot, chunk.terms);
    });
    this.#generations.set(ref, { slots, numbers });
  }

  remove(ref: string): void {
    const generation = this.#generations.get(ref);
    if (generation === undefined) return;
    this.#generations.delete(ref);
    for (const slot of generation.slots) {
      this.#removed.add(slot);
      // Erased now, not at the next use of the slot.
      this.vectors.fill(0, slot * this.dimensions, (slot + 1) * this.dimensions);
      this.chunkIds[slot] = "";
    }
    if (this.#removed.size >= Math.max(sweepAt, this.#slots / 8)) this.#sweep();
  }

  #take(): number {
    const reused = this.#free.pop();
    if (reused !== undefined) return reused;
    const slot = this.#slots++;
    if (slot >= this.termCounts.length) {
      const slots = Math.ceil(slot * 1.5);
      const vectors = new Float32Array(slots * this.dimensions);
      vectors.set(this.vectors);
      this.vectors = vectors;
      const termCounts = new Int32Array(slots);
      termCounts.set(this.termCounts);
      this.termCounts = termCounts;
    }
    return slot;
  }

  #sweep(): void {
    this.postings.sweep(this.#removed);
    for (const slot of this.#removed) this.#free.push(slot);
    this.#removed.clear();
  }
}

/** Where the chunks of a generation lie, in the order of their numbers. */
export interface Generation {
  readonly slots: Int32Array;
  readonly numbers: Int32Array;
}
