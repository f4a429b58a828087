import { batch, bias, layoutFor, makeScan, queryLevels, type Scan, type ScanKind, type ScanLayout } from "./scan.ts";
import { type WasmMemory, wasm } from "./wasm.ts";

const pageBytes = 65_536;
/** Highest absolute number of a quantised row. */
const rowLevels = 127;
const kinds: readonly ScanKind[] = ["relaxed-simd", "simd", "javascript"];

/** A query in the coarse form that is scanned. */
export interface CoarseQuery {
  /** Numbers −63 … 63. */
  readonly numbers: Int8Array;
  /** What a result is multiplied with to be a cosine. */
  readonly scale: number;
  /** How far a coarse cosine may lie from the exact one, for any row. */
  readonly error: number;
}

/**
 * An int8 copy of unit vectors, one row per slot, each with a scale of its own: a row's coarse cosine with a query depends on the two
 * alone, whatever lies in the other rows.
 */
export class Int8Slab {
  readonly kind: ScanKind;
  readonly #dimensions: number;
  readonly #layout: ScanLayout;
  readonly #memory: WasmMemory;
  readonly #scan: Scan;
  #rows = 0;

  /** @param kind the fastest way that gives the right result unless another is asked for */
  constructor(dimensions: number, kind?: ScanKind) {
    this.#dimensions = dimensions;
    this.#layout = layoutFor(dimensions);
    this.#memory = new wasm.Memory({ initial: Math.ceil(this.#layout.slab / pageBytes), maximum: pageBytes });
    const found = this.#choose(kind === undefined ? kinds : [kind]);
    this.kind = found.kind;
    this.#scan = found.scan;
  }

  /** Makes room for rows below `rows`. @throws RangeError when the engine has no more memory */
  reserve(rows: number): void {
    if (rows <= this.#rows) return;
    const { slab, stride } = this.#layout;
    const wanted = Math.max(rows, Math.ceil(this.#rows * 1.25), 64);
    const missing = Math.ceil((slab + wanted * stride - this.#memory.buffer.byteLength) / pageBytes);
    if (missing > 0) this.#memory.grow(missing);
    this.#rows = Math.floor((this.#memory.buffer.byteLength - slab) / stride);
  }

  /** Writes a row: symmetric, scale = highest absolute number / 127. */
  set(row: number, vector: Float32Array, from: number): void {
    let highest = 0;
    for (let i = 0; i < this.#dimensions; i++) highest = Math.max(highest, Math.abs(vector[from + i] ?? 0));
    const { padded, slab, stride } = this.#layout;
    const start = slab + row * stride;
    const numbers = new Int8Array(this.#memory.buffer, start, padded);
    const factor = highest > 0 ? rowLevels / highest : 0;
    let sum = 0;
    for (let i = 0; i < this.#dimensions; i++) {
      // Rounds half up, which is cheaper than Math.round and does not depend on the sign of a zero.
      const number = (((vector[from + i] ?? 0) * factor + 128.5) | 0) - 128;
      numbers[i] = number;
      sum += number;
    }
    const tail = new DataView(this.#memory.buffer, start + padded, 8);
    tail.setFloat32(0, highest / rowLevels, true);
    tail.setInt32(4, sum, true);
  }

  /** Overwrites a row with zeros. */
  erase(row: number): void {
    const { slab, stride } = this.#layout;
    new Uint8Array(this.#memory.buffer, slab + row * stride, stride).fill(0);
  }

  /** The coarse form of a unit vector. */
  coarse(vector: Float32Array): CoarseQuery {
    let highest = 0;
    for (let i = 0; i < vector.length; i++) highest = Math.max(highest, Math.abs(vector[i] ?? 0));
    const scale = highest / queryLevels;
    const numbers = new Int8Array(vector.length);
    let square = 0;
    for (let i = 0; i < vector.length; i++) {
      const value = vector[i] ?? 0;
      const number = scale > 0 ? Math.round(value / scale) : 0;
      numbers[i] = number;
      square += (value - number * scale) ** 2;
    }
    // Cauchy and Schwarz, with the coarsest row there can be and lengths that are 1 within a hundredth.
    const rowError = Math.sqrt(this.#dimensions) / (2 * rowLevels);
    return { numbers, scale, error: 1.01 * (Math.sqrt(square) * (1 + rowError) + rowError) };
  }

  /** Writes the coarse products of the given rows to `out`, in their order; times {@link CoarseQuery.scale} they are cosines. */
  scan(query: CoarseQuery, rows: Int32Array, out: Float64Array): void {
    const layout = this.#layout;
    const biased = new Int8Array(this.#memory.buffer, layout.query8, layout.padded).fill(bias);
    const wide = new Int16Array(this.#memory.buffer, layout.query16, layout.padded).fill(0);
    query.numbers.forEach((value, i) => {
      biased[i] = value + bias;
      wide[i] = value;
    });
    const listed = new Int32Array(this.#memory.buffer, layout.rows, batch);
    const results = new Float64Array(this.#memory.buffer, layout.out, batch);
    for (let from = 0; from < rows.length; from += batch) {
      const count = Math.min(batch, rows.length - from);
      listed.set(rows.subarray(from, from + count));
      this.#scan(count);
      out.set(count === batch ? results : results.subarray(0, count), from);
    }
  }

  /** The first way that multiplies a trial row correctly. */
  #choose(among: readonly ScanKind[]): { readonly kind: ScanKind; readonly scan: Scan } {
    this.reserve(2);
    for (const kind of among) {
      const scan = makeScan(kind, this.#memory, this.#layout);
      if (scan !== undefined && this.#isRight(scan)) return { kind, scan };
    }
    throw new Error(`no way to scan int8 vectors: ${among.join(", ")}`);
  }

  #isRight(scan: Scan): boolean {
    const { query8, query16, padded, rows, out } = this.#layout;
    const wave = (step: number) => Float32Array.from({ length: this.#dimensions }, (_, i) => Math.sin(step * (i + 1)));
    this.set(1, wave(1.7), 0);
    const memory = this.#memory.buffer;
    const numbers = wave(0.9).map((value) => Math.round(value * queryLevels));
    new Int8Array(memory, query8, padded).fill(bias).set(numbers.map((value) => value + bias));
    new Int16Array(memory, query16, padded).fill(0).set(numbers);
    new Int32Array(memory, rows, 1)[0] = 1;
    const result = (one: Scan): number => {
      one(1);
      return new Float64Array(memory, out, 1)[0] ?? Number.NaN;
    };
    const reference = makeScan("javascript", this.#memory, this.#layout);
    const isRight = reference !== undefined && result(scan) === result(reference);
    this.erase(1);
    return isRight;
  }
}
