/**
 * As much of a WebAssembly assembler as the loops of the engine need (WebAssembly Core Specification 2.0, section 5, and the relaxed SIMD
 * proposal). Code is a list of bytes; every function gives the bytes of one instruction.
 */

/** Bytes of a piece of a module. */
export type Code = readonly number[];

/** An unsigned integer in LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** A signed 32-bit integer in LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
      bytes.push(byte);
      return bytes;
    }
    bytes.push(byte | 0x80);
  }
}

const simd = (opcode: number, ...rest: number[]): Code => [0xfd, ...unsigned(opcode), ...rest];
/** Alignment hint (power of two) and offset of a memory access. */
const at = (align: number, offset: number): Code => [align, ...unsigned(offset)];

/** Types of values. */
export const type = { i32: 0x7f, v128: 0x7b } as const;

/** Instructions; names as in the specification's text format, dots left out. */
export const op = {
  localGet: (index: number): Code => [0x20, ...unsigned(index)],
  localSet: (index: number): Code => [0x21, ...unsigned(index)],
  i32Const: (value: number): Code => [0x41, ...signed(value)],
  i32Load: (offset: number): Code => [0x28, ...at(2, offset)],
  i32Add: [0x6a] as Code,
  i32Sub: [0x6b] as Code,
  i32Mul: [0x6c] as Code,
  /** 1 when the first is greater, signed; otherwise 0. */
  i32GtS: [0x4a] as Code,
  /** The first of two values unless the condition behind them is 0. */
  select: [0x1b] as Code,
  f32Load: (offset: number): Code => [0x2a, ...at(2, offset)],
  f64PromoteF32: [0xbb] as Code,
  f64ConvertI32: [0xb7] as Code,
  f64Mul: [0xa2] as Code,
  f64Store: (offset: number): Code => [0x39, ...at(3, offset)],
  v128Load: (offset: number): Code => simd(0x00, ...at(4, offset)),
  v128Zero: simd(0x0c, ...Array.from({ length: 16 }, () => 0)),
  i32x4ExtractLane: (lane: number): Code => simd(0x1b, lane),
  i32x4Add: simd(0xae),
  /** Sums of neighbouring products of eight signed 16-bit numbers. */
  i32x4DotI16x8: simd(0xba),
  i16x8ExtendLow: simd(0x87),
  i16x8ExtendHigh: simd(0x88),
  /** Adds sums of four products, signed 8-bit times 7-bit: the same everywhere as long as the second is in 0 … 127. */
  i32x4RelaxedDotAdd: simd(0x113),
  /** Repeats `body` while the i32 that it leaves is not 0. */
  loopWhile: (body: Code): Code => [0x03, 0x40, ...body, 0x0d, 0x00, 0x0b],
} as const;

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const name = (text: string): Code => list([...Buffer.from(text)].map((byte) => [byte]));

/** "\0asm" and the version of the format. */
const magic: Code = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/**
 * A module with one function, exported as `run`, that takes i32 parameters, gives nothing back, and works on the memory imported as
 * `host.memory`.
 * @param locals types of the locals behind the parameters
 */
export function moduleOf(parameters: number, locals: readonly number[], body: Code): Uint8Array<ArrayBuffer> {
  const func = [...list(locals.map((one) => [1, one])), ...body, 0x0b];
  return Uint8Array.from([
    ...magic,
    ...section(1, list([[0x60, ...list(Array.from({ length: parameters }, () => [type.i32])), 0x00]])),
    ...section(2, list([[...name("host"), ...name("memory"), 0x02, 0x00, 0x01]])),
    ...section(3, list([[0x00]])),
    ...section(7, list([[...name("run"), 0x00, 0x00]])),
    ...section(10, list([[...unsigned(func.length), ...func]])),
  ]);
}
