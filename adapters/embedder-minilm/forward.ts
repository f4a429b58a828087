import { heads, headWidth, hidden, layers, maxSequence, offsets, reduced, roundUp, wide } from "./shape.ts";
import { keyStride } from "./wasm/attention.ts";
import { type Kernels, openKernels } from "./wasm/program.ts";

/** What one lane needs beside the model: f32 unless said otherwise. */
const room = {
  /** One vector per token. */
  tokens: maxSequence * hidden * 4,
  /** Queries, keys and values, then the mix of the values; or the wide vectors. */
  wide: maxSequence * wide * 4,
  /** Bytes of quantised rows. */
  quantised: maxSequence * wide,
  rowScales: maxSequence * 8,
  /** One head's keys, transposed. */
  keys: headWidth * keyStride,
  attention: maxSequence * 4,
  pooled: hidden * 4,
  /** Bytes of reduced token outputs. */
  reduced: maxSequence * reduced,
};

const pageBytes = 65_536;
const laneBytes = Object.values(room).reduce((sum, bytes) => sum + bytes, 0);

/** Pages of 64 KiB of a memory that holds the model file from address 0 and room for so many lanes. */
export function pagesFor(lanes: number): number {
  return Math.ceil((roundUp(offsets().total, 64) + lanes * laneBytes) / pageBytes);
}

/** What one pass gives. */
export interface Pass {
  /** Unit length. */
  readonly vector: Float32Array<ArrayBuffer>;
  /** One row of {@link reduced} signed bytes per token id, of length 127; only if asked for. */
  readonly tokens?: Int8Array<ArrayBuffer>;
}

/** Takes the name of a matrix and the rows that are about to be brought to its level. */
export type Observer = (matrix: string, rows: Float32Array) => void;

/** One lane of the network: weights that it shares with the others, room of its own. */
export class Network {
  readonly #observe: Observer | undefined;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: Kernels;
  readonly #at: (name: string) => number;
  readonly #room: Readonly<Record<keyof typeof room, number>>;

  private constructor(memory: WebAssembly.Memory, kernels: Kernels, lane: number, observe?: Observer) {
    this.#observe = observe;
    const { at, total } = offsets();
    this.#memory = memory;
    this.#kernels = kernels;
    this.#at = (name) => {
      const found = at.get(name);
      if (found === undefined) throw new Error(`the model has no piece ${name}`);
      return found;
    };
    let next = roundUp(total, 64) + lane * laneBytes;
    const take = (bytes: number): number => {
      next += bytes;
      return next - bytes;
    };
    this.#room = {
      tokens: take(room.tokens),
      wide: take(room.wide),
      quantised: take(room.quantised),
      rowScales: take(room.rowScales),
      keys: take(room.keys),
      attention: take(room.attention),
      pooled: take(room.pooled),
      reduced: take(room.reduced),
    };
  }

  /**
   * @param memory with the model file from address 0, sized by {@link pagesFor} for at least `lane + 1` lanes
   * @param lane from 0; two networks over one memory must not have the same
   * @param observe sees the inputs of each levelled matrix, for the recipe that chooses the levels
   */
  static async open(memory: WebAssembly.Memory, lane: number, observe?: Observer): Promise<Network> {
    return new Network(memory, await openKernels(memory, memory.buffer.byteLength / pageBytes), lane, observe);
  }

  /**
   * @param ids 1 to {@link maxSequence} token ids, the marks at both ends included
   * @param withTokens whether the outputs of the single tokens are wanted, too
   */
  run(ids: Uint16Array, withTokens: boolean): Pass {
    if (ids.length === 0 || ids.length > maxSequence) throw new RangeError(`a pass over ${ids.length} tokens`);
    const { tokens, pooled, reduced: reducedAt } = this.#room;
    this.#embed(ids);
    for (let layer = 0; layer < layers; layer++) {
      this.#attention(layer, ids.length);
      this.#feedForward(layer, ids.length);
    }
    const end = tokens + ids.length * hidden * 4;
    this.#kernels.pool(tokens, end, pooled);
    const vector = new Float32Array(this.#memory.buffer, pooled, hidden).slice();
    if (!withTokens) return { vector };
    this.#kernels.reduce(tokens, end, this.#at("reduction"), reducedAt);
    return { vector, tokens: new Int8Array(this.#memory.buffer, reducedAt, ids.length * reduced).slice() };
  }

  /** The tokens' vectors as they stand, after a pass its outputs: a row of {@link hidden} per token, before pooling. */
  outputs(count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#memory.buffer, this.#room.tokens, count * hidden).slice();
  }

  #embed(ids: Uint16Array): void {
    const { tokens } = this.#room;
    const [words, scales, positions] = [this.#at("words"), this.#at("wordScales"), this.#at("positions")];
    ids.forEach((id, index) => {
      const row = index * hidden * 4;
      this.#kernels.embed(id, words, scales, positions + row, tokens + row);
    });
    this.#normalise("embeddingNorm", ids.length);
  }

  #normalise(name: string, count: number): void {
    const { tokens } = this.#room;
    this.#kernels.normalise(tokens, tokens + count * hidden * 4, this.#at(`${name}.gain`), this.#at(`${name}.bias`));
  }

  #multiply(kernel: Kernels["multiply"], name: string, count: number, out: number, outputs: number): void {
    const piece = (part: string): number => this.#at(`${name}.${part}`);
    const { quantised, rowScales } = this.#room;
    kernel(quantised, count, rowScales, piece("weights"), piece("scale"), piece("sum"), piece("bias"), out, outputs);
  }

  /** The tokens' vectors, brought to the level of the matrix that takes them, as bytes. */
  #level(name: string, count: number): void {
    const { tokens, quantised, rowScales } = this.#room;
    this.#observe?.(name, this.outputs(count));
    const [offset, factor] = [this.#at(`${name}.offset`), this.#at(`${name}.factor`)];
    this.#kernels.level(tokens, tokens + count * hidden * 4, quantised, rowScales, offset, factor);
  }

  #attention(layer: number, count: number): void {
    const { tokens, wide: projected, quantised, rowScales, keys, attention } = this.#room;
    const kernels = this.#kernels;
    const mixed = projected + maxSequence * 3 * hidden * 4;
    const rowBytes = hidden * 4;
    this.#level(`${layer}.attention`, count);
    this.#multiply(kernels.multiply, `${layer}.attention`, count, projected, 3 * hidden);
    for (let head = 0; head < heads; head++) {
      const query = projected + head * headWidth * 4;
      kernels.transpose(query + rowBytes, count, keys);
      kernels.attend(query, count, keys, query + 2 * rowBytes, attention, mixed + head * headWidth * 4);
    }
    kernels.quantiseHidden(mixed, mixed + count * rowBytes, quantised, rowScales);
    this.#multiply(kernels.addHidden, `${layer}.mix`, count, tokens, hidden);
    this.#normalise(`${layer}.mixNorm`, count);
  }

  #feedForward(layer: number, count: number): void {
    const { tokens, wide: widened, quantised, rowScales } = this.#room;
    const kernels = this.#kernels;
    const end = widened + count * wide * 4;
    this.#level(`${layer}.widen`, count);
    this.#multiply(kernels.multiply, `${layer}.widen`, count, widened, wide);
    kernels.gelu(widened, end);
    kernels.quantiseWide(widened, end, quantised, rowScales);
    this.#multiply(kernels.addWide, `${layer}.narrow`, count, tokens, hidden);
    this.#normalise(`${layer}.narrowNorm`, count);
  }
}
