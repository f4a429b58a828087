import { panel } from "../shape.ts";
import {
  doWhile,
  type Expr,
  type FunctionBuilder,
  type FunctionSource,
  forRange,
  type Local,
  type Statement,
  sequence,
  when,
} from "./assembler.ts";
import { f32x4, i16x8, i32, i32x4, multiplyAdd, v128 } from "./ops.ts";

/** Rows that one pass over a panel of weights serves: 4 × 2 sums, 2 weights and a factor stay in the 16 registers of x64. */
const rowsTogether = 4;
/** Groups of four inputs per round of the innermost loop. */
const unrolled = 4;

/**
 * `multiply<inputs>(rows, count, rowScales, weights, scale, sum, bias, out, outputs)`: product of activations (bytes 0…127, see
 * {@link quantise}) and int8 weights, in exact whole numbers, then to f32:
 * `out[r][n] = step[r] · scale[n] · Σ row[r][k] weight[n][k] + low[r] · sum[n] + bias[n]`, where `sum[n]` is the sum of channel n's
 * weights. `add<inputs>` adds that to what `out` holds.
 * @param inputs length of a row, a multiple of 16
 */
export function multiply(inputs: number, kind: "multiply" | "add"): FunctionSource {
  return {
    name: `${kind}${inputs}`,
    parameters: 9,
    body: (builder) => multiplyBody(builder, inputs, kind === "add"),
  };
}

interface Variables {
  readonly row: Local<"i32">;
  readonly rowScale: Local<"i32">;
  readonly weights: Local<"i32">;
  readonly channel: Local<"i32">;
  readonly target: Local<"i32">;
  readonly activation: Local<"i32">;
  readonly weight: Local<"i32">;
  readonly end: Local<"i32">;
  readonly sums: readonly Local<"v128">[];
  readonly left: Local<"v128">;
  readonly right: Local<"v128">;
  readonly factor: Local<"v128">;
  readonly step: Local<"v128">;
  readonly low: Local<"v128">;
  readonly ones: Local<"v128">;
}

function multiplyBody(builder: FunctionBuilder, inputs: number, adds: boolean): Statement {
  const given = (index: number): Local<"i32"> => builder.parameter(index);
  const [rows, count, rowScales, weights, scale] = [given(0), given(1), given(2), given(3), given(4)];
  const [sum, bias, out, outputs] = [given(5), given(6), given(7), given(8)];
  const vars: Variables = {
    row: builder.local("i32"),
    rowScale: builder.local("i32"),
    weights,
    channel: builder.local("i32"),
    target: builder.local("i32"),
    activation: builder.local("i32"),
    weight: builder.local("i32"),
    end: builder.local("i32"),
    sums: Array.from({ length: rowsTogether * 2 }, () => builder.local("v128")),
    left: builder.local("v128"),
    right: builder.local("v128"),
    factor: builder.local("v128"),
    step: builder.local("v128"),
    low: builder.local("v128"),
    ones: builder.local("v128"),
  };
  const wholeEnd = builder.local("i32");
  const stride = builder.local("i32");
  const rest = builder.local("i32");
  const block = (height: number): Statement => blockOfRows(vars, { height, inputs, adds, scale, sum, bias, stride });
  const channelEnd = i32.mul(outputs.get, i32.const(4));
  return sequence(
    vars.ones.set(v128.shorts(1)),
    stride.set(channelEnd),
    rest.set(i32.and(count.get, i32.const(rowsTogether - 1))),
    wholeEnd.set(i32.add(rows.get, i32.mul(i32.sub(count.get, rest.get), i32.const(inputs)))),
    forRange(
      vars.channel,
      i32.const(0),
      channelEnd,
      panel * 4,
      vars.rowScale.set(rowScales.get),
      vars.target.set(i32.add(out.get, vars.channel.get)),
      forRange(
        vars.row,
        rows.get,
        wholeEnd.get,
        rowsTogether * inputs,
        block(rowsTogether),
        vars.rowScale.set(i32.add(vars.rowScale.get, i32.const(rowsTogether * 8))),
        vars.target.set(i32.add(vars.target.get, i32.mul(stride.get, i32.const(rowsTogether)))),
      ),
      ...[1, 2, 3].map((height) => when(i32.eq(rest.get, i32.const(height)), block(height))),
      weights.set(i32.add(weights.get, i32.const(panel * inputs))),
    ),
  );
}

interface Block {
  readonly height: number;
  readonly inputs: number;
  readonly adds: boolean;
  readonly scale: Local<"i32">;
  readonly sum: Local<"i32">;
  readonly bias: Local<"i32">;
  readonly stride: Local<"i32">;
}

function blockOfRows(vars: Variables, block: Block): Statement {
  const { height, inputs } = block;
  const sums = vars.sums.slice(0, height * 2);
  const round: Statement[] = [];
  for (let group = 0; group < unrolled; group++) {
    round.push(vars.left.set(v128.load(vars.weight.get, group * panel * 4)));
    round.push(vars.right.set(v128.load(vars.weight.get, group * panel * 4 + 16)));
    for (let row = 0; row < height; row++) {
      round.push(vars.factor.set(v128.load32Splat(vars.activation.get, row * inputs + group * 4)));
      sums.slice(row * 2, row * 2 + 2).forEach((total, half) => {
        round.push(total.set(accumulated(total.get, (half === 0 ? vars.left : vars.right).get, vars)));
      });
    }
  }
  return sequence(
    ...sums.map((total) => total.set(v128.words(0))),
    vars.activation.set(vars.row.get),
    vars.weight.set(vars.weights.get),
    vars.end.set(i32.add(vars.row.get, i32.const(inputs))),
    doWhile(
      i32.ltU(vars.activation.get, vars.end.get),
      ...round,
      vars.activation.set(i32.add(vars.activation.get, i32.const(unrolled * 4))),
      vars.weight.set(i32.add(vars.weight.get, i32.const(unrolled * panel * 4))),
    ),
    ...results(vars, block),
  );
}

/**
 * The sum and four more products per lane. In two steps, because the one instruction for it costs x64 without AVX-VNNI two more
 * to make a constant each time.
 */
function accumulated(total: Expr<"v128">, weights: Expr<"v128">, { factor, ones }: Variables): Expr<"v128"> {
  return i32x4.add(total, i32x4.dotI16x8S(i16x8.relaxedDotI8x16I7x16S(weights, factor.get), ones.get));
}

/** Writes the block's sums as f32; the row's place in memory walks down with `activation`, no longer needed by then. */
function results(vars: Variables, { height, adds, scale, sum, bias, stride }: Block): Statement[] {
  const code: Statement[] = [vars.activation.set(vars.target.get)];
  const channels = (base: Local<"i32">, half: number): Expr<"v128"> =>
    v128.load(i32.add(base.get, vars.channel.get), half * 16);
  for (let row = 0; row < height; row++) {
    code.push(vars.step.set(v128.load32Splat(vars.rowScale.get, row * 8)));
    code.push(vars.low.set(v128.load32Splat(vars.rowScale.get, row * 8 + 4)));
    vars.sums.slice(row * 2, row * 2 + 2).forEach((total, half) => {
      const shift = multiplyAdd(channels(bias, half), vars.low.get, channels(sum, half));
      const value = multiplyAdd(shift, f32x4.convertI32x4S(total.get), f32x4.mul(vars.step.get, channels(scale, half)));
      const before = v128.load(vars.activation.get, half * 16);
      code.push(v128.store(vars.activation.get, adds ? f32x4.add(before, value) : value, half * 16));
    });
    code.push(vars.activation.set(i32.add(vars.activation.get, stride.get)));
  }
  return code;
}
