import { endianness } from "node:os";

/** Slots of one block. Blocks are never moved, so growing copies nothing. */
const perBlock = 1024;
const swapped = endianness() === "BE";

/** Vectors as stored, f32 little-endian one after the other, in the order of the machine. Copied only where they have to be. */
export function vectorsOf(bytes: Uint8Array): Float32Array {
  if (!swapped && bytes.byteOffset % 4 === 0) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  }
  const copy = Buffer.from(new Uint8Array(bytes).buffer);
  if (swapped) copy.swap32();
  return new Float32Array(copy.buffer, copy.byteOffset, Math.floor(copy.byteLength / 4));
}

/** Vectors one after the other, as stored. */
export function vectorBytes(vectors: readonly Float32Array[]): Uint8Array<ArrayBuffer> {
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const all = new Float32Array(length);
  let at = 0;
  for (const vector of vectors) {
    all.set(vector, at);
    at += vector.length;
  }
  if (swapped) Buffer.from(all.buffer).swap32();
  return new Uint8Array(all.buffer);
}

/** How far a stored vector's length may be from 1: f32 rounding is far below, a vector that was never normalised far above. */
const lengthTolerance = 1e-3;

/** What is wrong with a vector, or `undefined`. */
export function vectorProblem(vector: Float32Array, dimensions: number): string | undefined {
  if (vector.length !== dimensions) return `the vector has ${vector.length} dimensions instead of ${dimensions}`;
  let square = 0;
  for (const value of vector) square += value * value;
  // Written so that a NaN fails.
  if (!Number.isFinite(square)) return "the vector holds a number that is not finite";
  if (!(Math.abs(Math.sqrt(square) - 1) <= lengthTolerance)) return `the vector has length ${Math.sqrt(square)}, not 1`;
  return undefined;
}

/** Exact vectors by slot. */
export class ExactVectors {
  readonly #dimensions: number;
  readonly #blocks: Float32Array[] = [];

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  set(slot: number, vectors: Float32Array, from: number): void {
    const number = Math.floor(slot / perBlock);
    while (this.#blocks.length <= number) this.#blocks.push(new Float32Array(perBlock * this.#dimensions));
    this.of(slot).set(vectors.subarray(from, from + this.#dimensions));
  }

  /** A slot's vector itself, not a copy. */
  of(slot: number): Float32Array {
    const block = this.#blocks[Math.floor(slot / perBlock)] ?? none;
    const start = (slot % perBlock) * this.#dimensions;
    return block.subarray(start, start + this.#dimensions);
  }
}

const none = new Float32Array(0);

/**
 * The dot product of two unit vectors: their cosine. Four sums in f64, in a fixed order, so that it is the same to the last bit wherever
 * a vector lies.
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  const unrolled = a.length - (a.length % 4);
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let i = 0; i < unrolled; i += 4) {
    first += (a[i] ?? 0) * (b[i] ?? 0);
    second += (a[i + 1] ?? 0) * (b[i + 1] ?? 0);
    third += (a[i + 2] ?? 0) * (b[i + 2] ?? 0);
    fourth += (a[i + 3] ?? 0) * (b[i + 3] ?? 0);
  }
  for (let i = unrolled; i < a.length; i++) first += (a[i] ?? 0) * (b[i] ?? 0);
  return first + second + (third + fourth);
}
