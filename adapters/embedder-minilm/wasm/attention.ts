import { heads, headWidth, hidden, maxSequence } from "../shape.ts";
import { type FunctionSource, forRange, type Local, sequence } from "./assembler.ts";
import { exponential } from "./exponential.ts";
import { f32, f32x4, i32, multiplyAdd, v128 } from "./ops.ts";
import { laneBest, laneSum } from "./rows.ts";

/** Bytes from one token's query, key and value to the next token's. */
const tokenBytes = 3 * hidden * 4;
const headBytes = headWidth * 4;
/** Vectors of one head. */
const parts = headWidth / 4;

/** Tokens of the keys that are taken together: four sums in flight hide how long one addition takes. */
const together = 16;

/** Bytes between two components' rows of transposed keys; not a power of two, so that they do not compete for cache sets. */
export const keyStride = maxSequence * 4 + 64;

/** `transpose(keys, count, out)`: one head's keys as a matrix with a row per component, {@link keyStride} bytes apart. */
export const transpose: FunctionSource = {
  name: "transpose",
  parameters: 3,
  body: (builder) => {
    const [keys, count, out] = [builder.parameter(0), builder.parameter(1), builder.parameter(2)];
    const [component, token, source] = [builder.local("i32"), builder.local("i32"), builder.local("i32")];
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
      out.set(i32.add(out.get, i32.const(keyStride))),
    );
  },
};

/**
 * `attend(queries, count, keys, values, weights, out)`: scaled dot-product attention of one head (Vaswani et al. 2017, formula 1)
 * for every token. `keys` is transposed; `weights` is room for one f32 per token, the count rounded up to 16.
 */
export const attend: FunctionSource = {
  name: "attend",
  parameters: 6,
  body: (builder) => {
    const given = (index: number): Local<"i32"> => builder.parameter(index);
    const [query, count, keys] = [given(0), given(1), given(2)];
    const [values, weights, out] = [given(3), given(4), given(5)];
    const vector = (): Local<"v128"> => builder.local("v128");
    const [factor, best, total] = [vector(), vector(), vector()];
    const exponent = { input: vector(), power: vector(), result: vector() };
    const mixed = Array.from({ length: parts }, vector);
    const sums = Array.from({ length: together / 4 }, vector);
    const [at, key, value] = [builder.local("i32"), builder.local("i32"), builder.local("i32")];
    const [queryEnd, rowEnd, paddedEnd] = [builder.local("i32"), builder.local("i32"), builder.local("i32")];
    const weight = i32.add(weights.get, at.get);
    const padding = i32.const(together * 4 - 1);
    const products = sequence(
      ...sums.map((sum) => sum.set(builder.floats(0))),
      key.set(i32.add(keys.get, at.get)),
      ...Array.from({ length: headWidth }, (_, component) =>
        sequence(
          factor.set(v128.load32Splat(query.get, component * 4)),
          ...sums.map((sum, index) =>
            sum.set(multiplyAdd(sum.get, factor.get, v128.load(key.get, component * keyStride + index * 16))),
          ),
        ),
      ),
      ...sums.map((sum, index) =>
        v128.store(weight, f32x4.mul(sum.get, builder.floats(1 / Math.sqrt(headWidth))), index * 16),
      ),
    );
    const softmax = sequence(
      // Beyond the last token: so little that its share is nothing in f32 beside the largest.
      forRange(at, rowEnd.get, paddedEnd.get, 4, f32.store(weight, f32.const(-1e30))),
      best.set(builder.floats(-1e30)),
      forRange(at, i32.const(0), paddedEnd.get, 16, best.set(f32x4.pmax(best.get, v128.load(weight)))),
      best.set(f32x4.splat(laneBest(best.get, "max"))),
      total.set(builder.floats(0)),
      forRange(
        at,
        i32.const(0),
        paddedEnd.get,
        16,
        exponential(builder, f32x4.sub(v128.load(weight), best.get), exponent),
        total.set(f32x4.add(total.get, exponent.result.get)),
        v128.store(weight, exponent.result.get),
      ),
      total.set(f32x4.splat(f32.div(f32.const(1), laneSum(total.get)))),
    );
    const mix = sequence(
      ...mixed.map((part) => part.set(builder.floats(0))),
      value.set(values.get),
      forRange(
        at,
        i32.const(0),
        rowEnd.get,
        4,
        factor.set(v128.load32Splat(weight)),
        ...mixed.map((part, index) => part.set(multiplyAdd(part.get, factor.get, v128.load(value.get, index * 16)))),
        value.set(i32.add(value.get, i32.const(tokenBytes))),
      ),
      ...mixed.map((part, index) => v128.store(out.get, f32x4.mul(part.get, total.get), index * 16)),
      out.set(i32.add(out.get, i32.const(heads * headBytes))),
    );
    return sequence(
      queryEnd.set(i32.add(query.get, i32.mul(count.get, i32.const(tokenBytes)))),
      rowEnd.set(i32.mul(count.get, i32.const(4))),
      paddedEnd.set(i32.sub(i32.add(rowEnd.get, padding), i32.and(i32.add(rowEnd.get, padding), padding))),
      forRange(
        query,
        query.get,
        queryEnd.get,
        tokenBytes,
        forRange(at, i32.const(0), paddedEnd.get, together * 4, products),
        softmax,
        mix,
      ),
    );
  },
};
