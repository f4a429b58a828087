import { type Expr, type FunctionBuilder, type Local, type Statement, sequence } from "./assembler.ts";
import { f32x4, i32, i32x4, multiplyAdd } from "./ops.ts";

/**
 * 1.5 · 2²³: a float between -2²² and 2²² plus this is rounded to a whole number, which then stands in the lowest bits.
 */
export const rounder = 12_582_912;

/** The variables that {@link exponential} works with. */
export interface ExponentialVariables {
  readonly input: Local<"v128">;
  readonly power: Local<"v128">;
  /** Takes the result. */
  readonly result: Local<"v128">;
}

/**
 * e^x of four floats from -86 (below: as of -86, 4.5e-38) to 0: x = n · ln 2 + r with |r| ≤ ln 2 / 2, e^r by its Taylor series to
 * r⁶ / 6! (relative error 1.2e-7, one unit of f32), and 2^n by adding n to the exponent's bits. ln 2 is taken away in two parts
 * (Cody and Waite 1980), the first of which times n is exact.
 */
export function exponential(
  builder: FunctionBuilder,
  value: Expr<"v128">,
  { input, power, result }: ExponentialVariables,
): Statement {
  const constant = (number: number): Expr<"v128"> => builder.floats(number);
  let series = constant(1 / 720);
  for (const factorial of [120, 24, 6, 2, 1, 1]) series = multiplyAdd(constant(1 / factorial), series, input.get);
  const whole = f32x4.sub(power.get, constant(rounder));
  return sequence(
    input.set(f32x4.pmax(value, constant(-86))),
    power.set(multiplyAdd(constant(rounder), input.get, constant(Math.LOG2E))),
    input.set(multiplyAdd(input.get, whole, constant(-0.693359375))),
    input.set(multiplyAdd(input.get, whole, constant(2.1219444005469057e-4))),
    result.set(i32x4.add(series, i32x4.shl(power.get, i32.const(23)))),
  );
}
