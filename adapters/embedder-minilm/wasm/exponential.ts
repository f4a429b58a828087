import { type Expr, type Local, type Statement, sequence } from "./assembler.ts";
import { f32x4, i32, i32x4, multiplyAdd, v128 } from "./ops.ts";

/** The variables that {@link exponential} works with. */
export interface ExponentialVariables {
  readonly input: Local<"v128">;
  readonly power: Local<"v128">;
  /** Takes the result. */
  readonly result: Local<"v128">;
}

/**
 * e^x of four floats from -87 (below: as of -87, 1.6e-38) to 0: x = n · ln 2 + r with |r| ≤ ln 2 / 2, e^r by its Taylor series to
 * r⁷ / 7! (relative error below 1e-8, under that of f32), and 2^n by the exponent's bits. ln 2 is taken away in two parts
 * (Cody and Waite 1980), the first of which times n is exact.
 */
export function exponential(value: Expr<"v128">, { input, power, result }: ExponentialVariables): Statement {
  let series = v128.floats(1 / 5040);
  for (const factorial of [720, 120, 24, 6, 2, 1, 1]) {
    series = multiplyAdd(v128.floats(1 / factorial), series, input.get);
  }
  const exponent = i32x4.shl(i32x4.add(i32x4.truncSatF32x4S(power.get), v128.words(127)), i32.const(23));
  return sequence(
    input.set(f32x4.max(value, v128.floats(-87))),
    power.set(f32x4.nearest(f32x4.mul(input.get, v128.floats(Math.LOG2E)))),
    input.set(multiplyAdd(input.get, power.get, v128.floats(-0.693359375))),
    input.set(multiplyAdd(input.get, power.get, v128.floats(2.12194440054690583e-4))),
    // Multiplying whole floats by a power of two is exact.
    result.set(f32x4.mul(series, exponent)),
  );
}
