import { hidden, reduced } from "../shape.ts";
import { type Expr, type FunctionBuilder, type FunctionSource, forRange, type Local, sequence } from "./assembler.ts";
import { exponential, rounder } from "./exponential.ts";
import { f32, f32x4, i8x16, i16x8, i32, i32x4, multiplyAdd, v128 } from "./ops.ts";

const rowBytes = hidden * 4;

/** Sum of the four lanes, in a fixed order. */
export function laneSum(vector: Expr<"v128">): Expr<"f32"> {
  const lane = (index: number): Expr<"f32"> => f32x4.lane(vector, index);
  return f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3)));
}

/** Largest or smallest of the four lanes. */
export function laneBest(vector: Expr<"v128">, best: "min" | "max"): Expr<"f32"> {
  const lane = (index: number): Expr<"f32"> => f32x4.lane(vector, index);
  return f32[best](f32[best](lane(0), lane(1)), f32[best](lane(2), lane(3)));
}

function plus(base: Local<"i32">, offset: Local<"i32">): Expr<"i32"> {
  return i32.add(base.get, offset.get);
}

function four(builder: FunctionBuilder): [Local<"i32">, Local<"i32">, Local<"i32">, Local<"i32">] {
  return [builder.parameter(0), builder.parameter(1), builder.parameter(2), builder.parameter(3)];
}

function five(builder: FunctionBuilder): [...ReturnType<typeof four>, Local<"i32">] {
  return [...four(builder), builder.parameter(4)];
}

/**
 * `embed(id, words, wordScales, position, out)`: one token's first vector, the sum of its word's row (int8, times its scale) and
 * its position's row (f32, to which the one token type is added already).
 */
export const embed: FunctionSource = {
  name: "embed",
  parameters: 5,
  body: (builder) => {
    const [id, words, scales, position, out] = five(builder);
    const at = builder.local("i32");
    const row = builder.local("i32");
    const scale = builder.local("v128");
    const bytes = v128.load32Zero(i32.add(row.get, at.get));
    const word = f32x4.convertI32x4S(i32x4.extendLowI16x8S(i16x8.extendLowI8x16S(bytes)));
    const floats = i32.mul(at.get, i32.const(4));
    return sequence(
      row.set(i32.add(words.get, i32.mul(id.get, i32.const(hidden)))),
      scale.set(v128.load32Splat(i32.add(scales.get, i32.mul(id.get, i32.const(4))))),
      forRange(
        at,
        i32.const(0),
        i32.const(hidden),
        4,
        v128.store(i32.add(out.get, floats), multiplyAdd(v128.load(i32.add(position.get, floats)), word, scale.get)),
      ),
    );
  },
};

/** `normalise(row, end, gain, bias)`: layer normalisation of rows in place (Ba et al. 2016), with the model's epsilon of 1e-12. */
export const normalise: FunctionSource = {
  name: "normalise",
  parameters: 4,
  body: (builder) => {
    const [row, end, gain, bias] = four(builder);
    const at = builder.local("i32");
    const total = builder.local("v128");
    const mean = builder.local("v128");
    const factor = builder.local("v128");
    const value = v128.load(plus(row, at));
    const centred = builder.local("v128");
    const average = (): Expr<"f32"> => f32.div(laneSum(total.get), f32.const(hidden));
    const each = (...body: readonly (readonly number[])[]) =>
      forRange(at, i32.const(0), i32.const(rowBytes), 16, ...body);
    return forRange(
      row,
      row.get,
      end.get,
      rowBytes,
      total.set(v128.floats(0)),
      each(total.set(f32x4.add(total.get, value))),
      mean.set(f32x4.splat(average())),
      total.set(v128.floats(0)),
      each(centred.set(f32x4.sub(value, mean.get)), total.set(multiplyAdd(total.get, centred.get, centred.get))),
      factor.set(f32x4.splat(f32.div(f32.const(1), f32.sqrt(f32.add(average(), f32.const(1e-12)))))),
      each(
        v128.store(
          plus(row, at),
          multiplyAdd(
            v128.load(plus(bias, at)),
            f32x4.mul(f32x4.sub(value, mean.get), factor.get),
            v128.load(plus(gain, at)),
          ),
        ),
      ),
    );
  },
};

/**
 * `quantise<length>(row, end, out, scales)`: rows of f32 to bytes 0…127: `value ≈ low + step · byte`, with the row's smallest value
 * as `low`. Writes step and low of each row as two f32. `level<length>(row, end, out, scales, offset, factor)` takes
 * `(value - offset) · factor` for each value, with the component's own two f32.
 */
export function quantise(length: number, kind: "quantise" | "level"): FunctionSource {
  return {
    name: `${kind}${length}`,
    parameters: kind === "level" ? 6 : 4,
    body: (builder) => {
      const [row, end, out, scales] = four(builder);
      const at = builder.local("i32");
      const value = (offset: number): Expr<"v128"> => {
        const plain = v128.load(plus(row, at), offset);
        if (kind === "quantise") return plain;
        const [centre, factor] = [builder.parameter(4), builder.parameter(5)];
        return f32x4.mul(f32x4.sub(plain, v128.load(plus(centre, at), offset)), v128.load(plus(factor, at), offset));
      };
      const [low, high, inverse] = [builder.local("v128"), builder.local("v128"), builder.local("v128")];
      const mask = builder.local("v128");
      const range = builder.local("f32");
      const bytes = (offset: number): Expr<"v128"> =>
        v128.and(multiplyAdd(builder.floats(rounder), f32x4.sub(value(offset), low.get), inverse.get), mask.get);
      return sequence(
        mask.set(v128.words(127)),
        forRange(
          row,
          row.get,
          end.get,
          length * 4,
          low.set(builder.floats(3e38)),
          high.set(builder.floats(-3e38)),
          forRange(
            at,
            i32.const(0),
            i32.const(length * 4),
            16,
            low.set(f32x4.pmin(low.get, value(0))),
            high.set(f32x4.pmax(high.get, value(0))),
          ),
          low.set(f32x4.splat(laneBest(low.get, "min"))),
          // A row of equal values would divide by nothing; then every byte is 0.
          range.set(f32.max(f32.sub(laneBest(high.get, "max"), f32x4.lane(low.get, 0)), f32.const(1e-30))),
          inverse.set(f32x4.splat(f32.div(f32.const(127), range.get))),
          f32.store(scales.get, f32.div(range.get, f32.const(127))),
          f32.store(scales.get, f32x4.lane(low.get, 0), 4),
          scales.set(i32.add(scales.get, i32.const(8))),
          forRange(
            at,
            i32.const(0),
            i32.const(length * 4),
            64,
            v128.store(
              out.get,
              i8x16.narrowI16x8U(i16x8.narrowI32x4S(bytes(0), bytes(16)), i16x8.narrowI32x4S(bytes(32), bytes(48))),
            ),
            out.set(i32.add(out.get, i32.const(16))),
          ),
        ),
      );
    },
  };
}

/**
 * `gelu(at, end)`: x · Φ(x) of every f32, in place. Φ by the error function of Abramowitz and Stegun, Handbook of Mathematical
 * Functions, formula 7.1.26 (error below 1.5e-7).
 */
export const gelu: FunctionSource = {
  name: "gelu",
  parameters: 2,
  body: (builder) => {
    const [at, end] = [builder.parameter(0), builder.parameter(1)];
    const [value, size, t] = [builder.local("v128"), builder.local("v128"), builder.local("v128")];
    const [tail, input, power] = [builder.local("v128"), builder.local("v128"), builder.local("v128")];
    const coefficients = [-1.453152027, 1.421413741, -0.284496736, 0.254829592];
    let polynomial = builder.floats(1.061405429);
    for (const coefficient of coefficients) polynomial = multiplyAdd(builder.floats(coefficient), polynomial, t.get);
    const half = f32x4.mul(value.get, builder.floats(0.5));
    return forRange(
      at,
      at.get,
      end.get,
      16,
      value.set(v128.load(at.get)),
      size.set(f32x4.mul(f32x4.abs(value.get), builder.floats(Math.SQRT1_2))),
      t.set(f32x4.div(builder.floats(1), multiplyAdd(builder.floats(1), builder.floats(0.3275911), size.get))),
      exponential(builder, f32x4.sub(builder.floats(0), f32x4.mul(size.get, size.get)), { input, power, result: tail }),
      // 1 - |erf|: what is missing to certainty on the value's side of zero.
      tail.set(f32x4.mul(f32x4.mul(polynomial, t.get), tail.get)),
      // x · Φ(x) = max(x, 0) - |x| / 2 · (1 - erf|x|/√2), for both signs.
      v128.store(at.get, f32x4.sub(f32x4.pmax(value.get, builder.floats(0)), f32x4.mul(f32x4.abs(half), tail.get))),
    );
  },
};

/** `pool(row, end, out)`: mean of the rows, to unit length. */
export const pool: FunctionSource = {
  name: "pool",
  parameters: 3,
  body: (builder) => {
    const [row, end, out] = [builder.parameter(0), builder.parameter(1), builder.parameter(2)];
    const at = builder.local("i32");
    const current = builder.local("i32");
    const [total, square, factor] = [builder.local("v128"), builder.local("v128"), builder.local("v128")];
    const each = (...body: readonly (readonly number[])[]) =>
      forRange(at, i32.const(0), i32.const(rowBytes), 16, ...body);
    return sequence(
      square.set(v128.floats(0)),
      each(
        total.set(v128.floats(0)),
        forRange(current, row.get, end.get, rowBytes, total.set(f32x4.add(total.get, v128.load(plus(current, at))))),
        v128.store(plus(out, at), total.get),
        square.set(multiplyAdd(square.get, total.get, total.get)),
      ),
      factor.set(f32x4.splat(f32.div(f32.const(1), f32.sqrt(f32.max(laneSum(square.get), f32.const(1e-30)))))),
      each(v128.store(plus(out, at), f32x4.mul(v128.load(plus(out, at)), factor.get))),
    );
  },
};

/**
 * `reduce(row, end, matrix, out)`: each row times the matrix ({@link hidden} × {@link reduced}, f32), to unit length, as
 * signed bytes: 127 times the component, rounded.
 */
export const reduce: FunctionSource = {
  name: "reduce",
  parameters: 4,
  body: (builder) => {
    const [row, end, matrix, out] = four(builder);
    const at = builder.local("i32");
    const weight = builder.local("i32");
    const column = builder.local("i32");
    const sums = Array.from({ length: reduced / 4 }, () => builder.local("v128"));
    const factor = builder.local("v128");
    const square = builder.local("v128");
    const half = sums.length / 2;
    const value = builder.local("v128");
    const bytes = (index: number): Expr<"v128"> => {
      const total = sums[index];
      if (total === undefined) throw new RangeError("no such sum");
      return i32x4.truncSatF32x4S(f32x4.nearest(f32x4.mul(total.get, factor.get)));
    };
    // Two halves, because all sums together do not fit the registers.
    const product = (part: number) =>
      sequence(
        weight.set(i32.add(matrix.get, i32.const(part * half * 16))),
        forRange(
          at,
          row.get,
          column.get,
          4,
          value.set(v128.load32Splat(at.get)),
          ...sums
            .slice(part * half, (part + 1) * half)
            .map((total, index) => total.set(multiplyAdd(total.get, value.get, v128.load(weight.get, index * 16)))),
          weight.set(i32.add(weight.get, i32.const(reduced * 4))),
        ),
      );
    return forRange(
      row,
      row.get,
      end.get,
      rowBytes,
      column.set(i32.add(row.get, i32.const(rowBytes))),
      ...sums.map((total) => total.set(v128.floats(0))),
      product(0),
      product(1),
      square.set(v128.floats(0)),
      ...sums.map((total) => square.set(multiplyAdd(square.get, total.get, total.get))),
      factor.set(f32x4.splat(f32.div(f32.const(127), f32.sqrt(f32.max(laneSum(square.get), f32.const(1e-30)))))),
      ...[0, 4, 8, 12].map((first) =>
        v128.store(
          out.get,
          i8x16.narrowI16x8S(
            i16x8.narrowI32x4S(bytes(first), bytes(first + 1)),
            i16x8.narrowI32x4S(bytes(first + 2), bytes(first + 3)),
          ),
          first * 4,
        ),
      ),
      out.set(i32.add(out.get, i32.const(reduced))),
    );
  },
};
