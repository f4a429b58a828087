import { type Code, moduleOf, op, type } from "./assembler.ts";
import { type WasmMemory, wasm } from "./wasm.ts";

/** Rows scanned by one call. */
export const batch = 4096;
/** Added to each number of the query, so that relaxed SIMD sees 7 bits without a sign. */
export const bias = 64;
/** Highest absolute number of a quantised query. */
export const queryLevels = 63;

/**
 * Where everything lies in the memory of a scan, in bytes. A row is a vector of int8, padded with zeros, then its scale (f32) and
 * the sum of its numbers (i32).
 */
export interface ScanLayout {
  readonly padded: number;
  readonly stride: number;
  /** The query as bytes, {@link bias} added. */
  readonly query8: number;
  /** The query as 16-bit numbers. */
  readonly query16: number;
  /** Numbers of the rows to scan, i32. */
  readonly rows: number;
  /** Results, f64. */
  readonly out: number;
  readonly slab: number;
}

/** The layout for a number of dimensions. */
export function layoutFor(dimensions: number): ScanLayout {
  const padded = Math.ceil(dimensions / 16) * 16;
  const query16 = padded;
  const rows = query16 + 2 * padded;
  const out = rows + 4 * batch;
  return { padded, stride: padded + 16, query8: 0, query16, rows, out, slab: out + 8 * batch };
}

/** How a scan is computed. All give the same bits. */
export type ScanKind = "relaxed-simd" | "simd" | "javascript";

/**
 * Multiplies the first `count` listed rows with the query: out = scale · Σ row · query, the sum an integer and exact, the product one f64
 * multiplication. Each result depends on its own row and the query alone.
 */
export type Scan = (count: number) => void;

/** Makes a scan over a memory. @returns `undefined` where the engine cannot do it that way */
export function makeScan(kind: ScanKind, memory: WasmMemory, layout: ScanLayout): Scan | undefined {
  if (kind === "javascript") return (count) => scanInJavaScript(memory, layout, count);
  const bytes = emit(kind, layout);
  if (!wasm.validate(bytes)) return undefined;
  const { run } = new wasm.Instance(new wasm.Module(bytes), { host: { memory } }).exports;
  if (typeof run !== "function") return undefined;
  return (count) => {
    if (count > 0) run(count, layout.rows, layout.out);
  };
}

/** The module: one loop over rows, its body unrolled for the layout. */
function emit(
  kind: "relaxed-simd" | "simd",
  { padded, stride, query8, query16, slab }: ScanLayout,
): Uint8Array<ArrayBuffer> {
  const [count, rows, out, row, total] = [0, 1, 2, 3, 4];
  const sums = [5, 6, 7, 8] as const;
  const sumOf = (step: number): number => sums[step % 4] ?? sums[0];
  const queryAt = (offset: number): Code => [...op.i32Const(0), ...op.v128Load(offset)];
  const rowAt = (offset: number): Code => [...op.localGet(row), ...op.v128Load(slab + offset)];
  const body: number[] = [
    ...op.localGet(rows),
    ...op.i32Load(0),
    ...op.i32Const(stride),
    ...op.i32Mul,
    ...op.localSet(row),
    ...sums.flatMap((sum) => [...op.v128Zero, ...op.localSet(sum)]),
  ];
  for (let offset = 0, step = 0; offset < padded; offset += 16, step++) {
    const sum = sumOf(step);
    if (kind === "relaxed-simd") {
      body.push(...rowAt(offset), ...queryAt(query8 + offset), ...op.localGet(sum), ...op.i32x4RelaxedDotAdd);
    } else {
      body.push(...rowAt(offset), ...op.i16x8ExtendLow, ...queryAt(query16 + 2 * offset), ...op.i32x4DotI16x8);
      body.push(...rowAt(offset), ...op.i16x8ExtendHigh, ...queryAt(query16 + 2 * offset + 16), ...op.i32x4DotI16x8);
      body.push(...op.i32x4Add, ...op.localGet(sum), ...op.i32x4Add);
    }
    body.push(...op.localSet(sum));
  }
  body.push(
    ...sums.flatMap((sum, i) => [...op.localGet(sum), ...(i === 0 ? [] : op.i32x4Add)]),
    ...op.localSet(sums[0]),
    ...[0, 1, 2, 3].flatMap((lane) => [
      ...op.localGet(sums[0]),
      ...op.i32x4ExtractLane(lane),
      ...(lane === 0 ? [] : op.i32Add),
    ]),
  );
  if (kind === "relaxed-simd") {
    // Takes the bias out again: Σ row · (query + bias) − bias · Σ row.
    body.push(...op.localGet(row), ...op.i32Load(slab + padded + 4), ...op.i32Const(bias), ...op.i32Mul, ...op.i32Sub);
  }
  body.push(
    ...op.localSet(total),
    ...op.localGet(out),
    ...op.localGet(total),
    ...op.f64ConvertI32,
    ...op.localGet(row),
    ...op.f32Load(slab + padded),
    ...op.f64PromoteF32,
    ...op.f64Mul,
    ...op.f64Store(0),
    ...op.localGet(rows),
    ...op.i32Const(4),
    ...op.i32Add,
    ...op.localSet(rows),
    ...op.localGet(out),
    ...op.i32Const(8),
    ...op.i32Add,
    ...op.localSet(out),
    ...op.localGet(count),
    ...op.i32Const(1),
    ...op.i32Sub,
    ...op.localSet(count),
    ...op.localGet(count),
  );
  const { i32, v128 } = type;
  return moduleOf(3, [i32, i32, v128, v128, v128, v128], op.loopWhile(body));
}

/** The reference that the modules are checked against, and what runs where there is no SIMD. */
function scanInJavaScript(memory: WasmMemory, layout: ScanLayout, count: number): void {
  const { padded, stride, query8, rows, out, slab } = layout;
  const bytes = new Int8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  for (let i = 0; i < count; i++) {
    const row = slab + view.getInt32(rows + 4 * i, true) * stride;
    let sum = 0;
    for (let k = 0; k < padded; k++) sum += (bytes[row + k] ?? 0) * ((bytes[query8 + k] ?? 0) - bias);
    view.setFloat64(out + 8 * i, sum * view.getFloat32(row + padded, true), true);
  }
}
