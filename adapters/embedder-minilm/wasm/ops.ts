import { type Expr, type Statement, signed, unsigned, type ValueType } from "./assembler.ts";

/**
 * The instructions that the kernels use, named as in the WebAssembly specification: `i32x4.add` is `i32x4.add`. Memory
 * instructions take the address and a constant offset in bytes.
 */

function unary<A extends ValueType, R extends ValueType>(code: readonly number[], type: R) {
  return (a: Expr<A>): Expr<R> => ({ type, code: [...a.code, ...code] });
}

function binary<A extends ValueType, B extends ValueType, R extends ValueType>(code: readonly number[], type: R) {
  return (a: Expr<A>, b: Expr<B>): Expr<R> => ({ type, code: [...a.code, ...b.code, ...code] });
}

function load<R extends ValueType>(code: readonly number[], type: R) {
  return (at: Expr<"i32">, offset = 0): Expr<R> => ({ type, code: [...at.code, ...code, 0, ...unsigned(offset)] });
}

function store<A extends ValueType>(code: readonly number[]) {
  return (at: Expr<"i32">, value: Expr<A>, offset = 0): Statement => [
    ...at.code,
    ...value.code,
    ...code,
    0,
    ...unsigned(offset),
  ];
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const vector1 = (opcode: number) => unary<"v128", "v128">(simd(opcode), "v128");
const vector2 = (opcode: number) => binary<"v128", "v128", "v128">(simd(opcode), "v128");

export const i32 = {
  const: (value: number): Expr<"i32"> => ({ type: "i32", code: [0x41, ...signed(value)] }),
  load: load([0x28], "i32"),
  add: binary<"i32", "i32", "i32">([0x6a], "i32"),
  sub: binary<"i32", "i32", "i32">([0x6b], "i32"),
  mul: binary<"i32", "i32", "i32">([0x6c], "i32"),
  and: binary<"i32", "i32", "i32">([0x71], "i32"),
  eq: binary<"i32", "i32", "i32">([0x46], "i32"),
  ltU: binary<"i32", "i32", "i32">([0x49], "i32"),
};

export const f32 = {
  const: (value: number): Expr<"f32"> => ({
    type: "f32",
    code: [0x43, ...new Uint8Array(Float32Array.of(value).buffer)],
  }),
  load: load([0x2a], "f32"),
  store: store<"f32">([0x38]),
  sqrt: unary<"f32", "f32">([0x91], "f32"),
  add: binary<"f32", "f32", "f32">([0x92], "f32"),
  sub: binary<"f32", "f32", "f32">([0x93], "f32"),
  mul: binary<"f32", "f32", "f32">([0x94], "f32"),
  div: binary<"f32", "f32", "f32">([0x95], "f32"),
  min: binary<"f32", "f32", "f32">([0x96], "f32"),
  max: binary<"f32", "f32", "f32">([0x97], "f32"),
  convertS: unary<"i32", "f32">([0xb2], "f32"),
};

export const v128 = {
  load: load(simd(0x00), "v128"),
  load32Splat: load(simd(0x09), "v128"),
  load32Zero: load(simd(0x5c), "v128"),
  store: store<"v128">(simd(0x0b)),
  /** Stores the lowest 32 bits. */
  store32: (at: Expr<"i32">, value: Expr<"v128">, offset = 0): Statement => [
    ...at.code,
    ...value.code,
    ...simd(0x5a),
    0,
    ...unsigned(offset),
    0,
  ],
  and: vector2(0x4e),
  or: vector2(0x50),
  /** All lanes of 32 bits hold the same float. */
  floats: (value: number): Expr<"v128"> => ({
    type: "v128",
    code: [...simd(0x0c), ...new Uint8Array(new Float32Array(4).fill(value).buffer)],
  }),
  /** All lanes of 32 bits hold the same whole number. */
  words: (value: number): Expr<"v128"> => ({
    type: "v128",
    code: [...simd(0x0c), ...new Uint8Array(new Int32Array(4).fill(value).buffer)],
  }),
  /** All lanes of 16 bits hold the same whole number. */
  shorts: (value: number): Expr<"v128"> => ({
    type: "v128",
    code: [...simd(0x0c), ...new Uint8Array(new Int16Array(8).fill(value).buffer)],
  }),
};

export const i8x16 = {
  narrowI16x8U: vector2(0x66),
  narrowI16x8S: vector2(0x65),
};

export const i16x8 = {
  narrowI32x4S: vector2(0x85),
  extendLowI8x16S: vector1(0x87),
  /**
   * Sums of two neighbouring products of signed bytes (first) and bytes from 0 to 127 (second). In that range every machine
   * gives the same, exact result.
   */
  relaxedDotI8x16I7x16S: vector2(0x112),
};

export const i32x4 = {
  extendLowI16x8S: vector1(0xa7),
  add: vector2(0xae),
  shl: binary<"v128", "i32", "v128">(simd(0xab), "v128"),
  dotI16x8S: vector2(0xba),
  truncSatF32x4S: vector1(0xf8),
};

export const f32x4 = {
  splat: unary<"f32", "v128">(simd(0x13), "v128"),
  lane: (value: Expr<"v128">, lane: number): Expr<"f32"> => ({
    type: "f32",
    code: [...value.code, ...simd(0x1f), lane],
  }),
  nearest: vector1(0x6a),
  abs: vector1(0xe0),
  sqrt: vector1(0xe3),
  add: vector2(0xe4),
  sub: vector2(0xe5),
  mul: vector2(0xe6),
  div: vector2(0xe7),
  /** The smaller; of two equal ones, or beside a NaN, the first. One instruction of x64, other than `f32x4.min`. */
  pmin: vector2(0xea),
  /** The larger; of two equal ones, or beside a NaN, the first. */
  pmax: vector2(0xeb),
  convertI32x4S: vector1(0xfa),
};

/** `a + b · c`, rounded twice, so that it is the same on machines with and without a fused instruction. */
export function multiplyAdd(a: Expr<"v128">, b: Expr<"v128">, c: Expr<"v128">): Expr<"v128"> {
  return f32x4.add(a, f32x4.mul(b, c));
}
