import { headWidth, heads, hidden } from "../shape.ts";
import { type Expr, type FunctionSource, forRange, type Local, sequence } from "./assembler.ts";
import { exponential } from "./exponential.ts";
import { f32, f32x4, i32, multiplyAdd, v128 } from "./ops.ts";
import { laneBest, laneSum } from "./rows.ts";

/** Bytes from one token's query, key and value to the next token's. */
const tokenBytes = 3 * hidden * 4;
const headBytes = headWidth * 4;
/** Vectors of one head. */
const parts = headWidth / 4;

/**
 * `transpose(keys, count, out, stride)`: one head's keys as a matrix with a row per component, `stride` bytes apart, so that four
 * tokens lie in one vector. What follows the last token of a row stays as it is.
 */
export const transpose: FunctionSource = {
  name: "transpose",
  parameters: 4,
  body: (builder) => {
    const given = (index: number): Local<"i32"> => builder.parameter(index);
    const [keys, count, out, stride] = [given(0), given(1), given(2), given(3)];
    const component = builder.local("i32");
    const token = builder.local("i32");
    const source = builder.local("i32");
    return forRange(
      component,
      i32.const(0),
      i32.const(headBytes),
      4,
      source.set(i32.add(keys.get, component.get)),
      forRange(
        token,
        out.get,
        i32.add(out.get, i32.mul(count.get, i32.const(4))),
        4,
        f32.store(token.get, f32.load(source.get)),
        source.set(i32.add(source.get, i32.const(tokenBytes))),
      ),
      out.set(i32.add(out.get, stride.get)),
    );
  },
};

/**
 * `attend(queries, count, keys, stride, values, weights, out)`: scaled dot-product attention of one head (Vaswani et al. 2017,
 * formula 1) for every token. `keys` is transposed; `weights` is room for one row of `stride` bytes, a multiple of 32;
 * the row's end beyond `count` counts nothing.
 */
export const attend: FunctionSource = {
  name: "attend",
  parameters: 7,
  body: (builder) => {
    const given = (index: number): Local<"i32"> => builder.parameter(index);
    const [query, count, keys, stride] = [given(0), given(1), given(2), given(3)];
    const [values, weights, out] = [given(4), given(5), given(6)];
    const vector = () => builder.local("v128");
    const [sumA, sumB, factor, best, total, input, power, result] = [
      vector(),
      vector(),
      vector(),
      vector(),
      vector(),
      vector(),
      vector(),
      vector(),
    ];
    const mixed = Array.from({ length: parts }, vector);
    const at = builder.local("i32");
    const key = builder.local("i32");
    const value = builder.local("i32");
    const queryEnd = builder.local("i32");
    const rowEnd = builder.local("i32");
    const weight = (): Expr<"i32"> => i32.add(weights.get, at.get);
    const scale = v128.floats(1 / Math.sqrt(headWidth));
    const products = sequence(
      sumA.set(v128.floats(0)),
      sumB.set(v128.floats(0)),
      key.set(i32.add(keys.get, at.get)),
      ...Array.from({ length: headWidth }, (_, component) =>
        sequence(
          factor.set(v128.load32Splat(query.get, component * 4)),
          sumA.set(multiplyAdd(sumA.get, factor.get, v128.load(key.get))),
          sumB.set(multiplyAdd(sumB.get, factor.get, v128.load(key.get, 16))),
          key.set(i32.add(key.get, stride.get)),
        ),
      ),
      v128.store(weight(), f32x4.mul(sumA.get, scale)),
      v128.store(weight(), f32x4.mul(sumB.get, scale), 16),
    );
    return sequence(
      queryEnd.set(i32.add(query.get, i32.mul(count.get, i32.const(tokenBytes)))),
      rowEnd.set(i32.mul(count.get, i32.const(4))),
      forRange(
        query,
        query.get,
        queryEnd.get,
        tokenBytes,
        forRange(at, i32.const(0), stride.get, 32, products),
        // The row's end: so small that its share is below what f32 can tell from nothing beside the largest.
        forRange(at, rowEnd.get, stride.get, 4, f32.store(weight(), f32.const(-1e30))),
        best.set(v128.floats(-1e30)),
        forRange(at, i32.const(0), stride.get, 16, best.set(f32x4.max(best.get, v128.load(weight())))),
        best.set(f32x4.splat(laneBest(best.get, "max"))),
        total.set(v128.floats(0)),
        forRange(
          at,
          i32.const(0),
          stride.get,
          16,
          exponential(f32x4.sub(v128.load(weight()), best.get), { input, power, result }),
          total.set(f32x4.add(total.get, result.get)),
          v128.store(weight(), result.get),
        ),
        total.set(f32x4.splat(f32.div(f32.const(1), laneSum(total.get)))),
        ...mixed.map((part) => part.set(v128.floats(0))),
        value.set(values.get),
        forRange(
          at,
          i32.const(0),
          rowEnd.get,
          4,
          factor.set(v128.load32Splat(weight())),
          ...mixed.map((part, index) =>
            part.set(multiplyAdd(part.get, factor.get, v128.load(value.get, index * 16))),
          ),
          value.set(i32.add(value.get, i32.const(tokenBytes))),
        ),
        ...mixed.map((part, index) => v128.store(out.get, f32x4.mul(part.get, total.get), index * 16)),
        out.set(i32.add(out.get, i32.const(heads * headBytes))),
      ),
    );
  },
};
