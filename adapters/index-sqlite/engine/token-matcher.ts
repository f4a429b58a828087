import type { TokenOutputs } from "#core/ports/index.ts";
import { type TokenMatches, tokenMatches } from "#core/retrieval/late-interaction.ts";
import { type Code, moduleOf, op, type } from "./assembler.ts";
import { type WasmMemory, wasm } from "./wasm.ts";

const pageBytes = 65_536;
/** More dimensions than any encoder gives; far below where a sum of products would leave 32 bits. */
const mostDimensions = 4096;
/** The lowest cosine there is, times 127²: where {@link tokenMatches} starts too. */
const lowest = -127 * 127;

/** Best product of `rows` rows from `first` with the query token at `query`, as an f64 to `out`; places are bytes in the memory. */
type Kernel = (rows: number, first: number, query: number, out: number) => void;

/**
 * Computes what `tokenMatches` of core/retrieval/late-interaction.ts does, with the same bits: products of whole numbers by SIMD where the
 * machine has it, otherwise that very function. Bound to one number of dimensions at a time, which is the encoder's.
 */
export class TokenMatcher {
  readonly #kernels = new Map<number, { readonly memory: WasmMemory; readonly run: Kernel } | undefined>();

  /**
   * The matches of a query with one passage after the other.
   * @throws RangeError when both do not have the same number of dimensions
   */
  match(query: TokenOutputs, passages: readonly TokenOutputs[]): TokenMatches[] {
    const { dimensions } = query;
    const kernel = this.#kernelFor(dimensions);
    if (kernel === undefined || passages.some((passage) => passage.dimensions !== dimensions)) {
      return passages.map((passage) => tokenMatches(query, passage));
    }
    return matchBySimd(kernel, query, passages);
  }

  #kernelFor(dimensions: number) {
    if (!this.#kernels.has(dimensions)) this.#kernels.set(dimensions, kernelFor(dimensions));
    return this.#kernels.get(dimensions);
  }
}

function matchBySimd(
  { memory, run }: { readonly memory: WasmMemory; readonly run: Kernel },
  { dimensions, vectors }: TokenOutputs,
  passages: readonly TokenOutputs[],
): TokenMatches[] {
  const padded = paddedTo16(dimensions);
  const tokens = Math.floor(vectors.length / dimensions);
  const longest = passages.reduce(
    (most, passage) => Math.max(most, Math.floor(passage.vectors.length / dimensions)),
    0,
  );
  const query = 8 * Math.ceil(tokens / 2) * 2;
  const first = query + 2 * padded * tokens;
  const missing = Math.ceil((first + padded * longest - memory.buffer.byteLength) / pageBytes);
  if (missing > 0) memory.grow(missing);
  const wide = new Int16Array(memory.buffer, query, padded * tokens).fill(0);
  for (let token = 0; token < tokens; token++) {
    wide.set(vectors.subarray(token * dimensions, (token + 1) * dimensions), token * padded);
  }
  const best = new Float64Array(memory.buffer, 0, tokens);
  return passages.map((passage) => {
    const rows = Math.floor(passage.vectors.length / dimensions);
    put(new Int8Array(memory.buffer, first, padded * rows), passage.vectors, dimensions, padded);
    if (rows === 0) best.fill(lowest);
    else for (let token = 0; token < tokens; token++) run(rows, first, query + 2 * padded * token, 8 * token);
    return best.map((value) => Math.max(-1, Math.min(1, value / (127 * 127))));
  });
}

/** Rows of `dimensions` numbers as rows of `padded`, zeros behind. */
function put(to: Int8Array, from: Int8Array, dimensions: number, padded: number): void {
  if (padded === dimensions) {
    to.set(from.subarray(0, to.length));
    return;
  }
  to.fill(0);
  for (let row = 0; row * padded < to.length; row++) {
    to.set(from.subarray(row * dimensions, (row + 1) * dimensions), row * padded);
  }
}

const paddedTo16 = (dimensions: number): number => Math.ceil(dimensions / 16) * 16;

/** @returns `undefined` where there is no SIMD, or one that gives other numbers than JavaScript */
function kernelFor(dimensions: number) {
  if (!Number.isSafeInteger(dimensions) || dimensions < 1 || dimensions > mostDimensions) return undefined;
  const bytes = emit(paddedTo16(dimensions));
  if (!wasm.validate(bytes)) return undefined;
  const memory = new wasm.Memory({ initial: 1, maximum: pageBytes });
  const { run } = new wasm.Instance(new wasm.Module(bytes), { host: { memory } }).exports;
  if (typeof run !== "function") return undefined;
  const kernel = {
    memory,
    run: (rows: number, first: number, query: number, out: number): void => void run(rows, first, query, out),
  };
  const wave = (rows: number, step: number): TokenOutputs => ({
    dimensions,
    vectors: Int8Array.from({ length: rows * dimensions }, (_, i) => Math.round(127 * Math.sin(step * (i + 1)))),
  });
  const [query, passage] = [wave(3, 0.7), wave(5, 1.9)];
  const expected = tokenMatches(query, passage);
  const isRight = matchBySimd(kernel, query, [passage])[0]?.every((value, token) => value === expected[token]) === true;
  return isRight ? kernel : undefined;
}

/** The module: one loop over the rows of a passage, its body unrolled for the dimensions. */
function emit(padded: number): Uint8Array<ArrayBuffer> {
  const [rows, row, query, out, total, best] = [0, 1, 2, 3, 4, 5];
  const sums = [6, 7] as const;
  const rowAt = (offset: number): Code => [...op.localGet(row), ...op.v128Load(offset)];
  const queryAt = (offset: number): Code => [...op.localGet(query), ...op.v128Load(offset)];
  const body: number[] = sums.flatMap((sum) => [...op.v128Zero, ...op.localSet(sum)]);
  for (let offset = 0; offset < padded; offset += 16) {
    const halves = [op.i16x8ExtendLow, op.i16x8ExtendHigh];
    halves.forEach((half, i) => {
      const sum = sums[i] ?? sums[0];
      body.push(...rowAt(offset), ...half, ...queryAt(2 * offset + 16 * i), ...op.i32x4DotI16x8);
      body.push(...op.localGet(sum), ...op.i32x4Add, ...op.localSet(sum));
    });
  }
  body.push(
    ...sums.flatMap((sum, i) => [...op.localGet(sum), ...(i === 0 ? [] : op.i32x4Add)]),
    ...op.localSet(sums[0]),
    ...[0, 1, 2, 3].flatMap((lane) => [
      ...op.localGet(sums[0]),
      ...op.i32x4ExtractLane(lane),
      ...(lane === 0 ? [] : op.i32Add),
    ]),
    ...op.localSet(total),
    ...[op.localGet(total), op.localGet(best), op.localGet(total), op.localGet(best)].flat(),
    ...[op.i32GtS, op.select, op.localSet(best)].flat(),
    ...[op.localGet(row), op.i32Const(padded), op.i32Add, op.localSet(row)].flat(),
    ...[op.localGet(rows), op.i32Const(1), op.i32Sub, op.localSet(rows), op.localGet(rows)].flat(),
  );
  const { i32, v128 } = type;
  return moduleOf(
    4,
    [i32, i32, v128, v128],
    [
      ...[op.i32Const(lowest), op.localSet(best), op.loopWhile(body)].flat(),
      ...[op.localGet(out), op.localGet(best), op.f64ConvertI32, op.f64Store(0)].flat(),
    ],
  );
}
