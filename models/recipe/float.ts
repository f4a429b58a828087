import { heads, headWidth, hidden, layers, wide } from "#adapters/embedder-minilm/shape.ts";
import type { Tensors } from "./safetensors.ts";

/** Rows of numbers; plain and slow on purpose: the yardstick that the shipped network is held against. */
type Rows = readonly Float64Array[];

/** The original network in double precision. */
export class FloatNetwork {
  readonly #tensors: Tensors;

  constructor(tensors: Tensors) {
    this.#tensors = tensors;
  }

  /** A text's vector: the outputs' mean, of unit length. */
  vector(ids: Uint16Array): Float64Array {
    const rows = this.outputs(ids);
    const mean = new Float64Array(hidden);
    for (const row of rows) {
      row.forEach((value, i) => {
        add(mean, i, value / rows.length);
      });
    }
    const length = Math.sqrt(mean.reduce((square, value) => square + value * value, 0));
    return mean.map((value) => value / length);
  }

  /** One row per token. */
  outputs(ids: Uint16Array): Rows {
    const words = this.#tensor("embeddings.word_embeddings.weight");
    const positions = this.#tensor("embeddings.position_embeddings.weight");
    const type = this.#tensor("embeddings.token_type_embeddings.weight");
    let rows: Rows = Array.from(ids, (id, position) =>
      Float64Array.from(
        { length: hidden },
        (_, i) => (words[id * hidden + i] ?? 0) + (positions[position * hidden + i] ?? 0) + (type[i] ?? 0),
      ),
    );
    rows = this.#normalised(rows, "embeddings.LayerNorm");
    for (let layer = 0; layer < layers; layer++) rows = this.#layer(rows, `encoder.layer.${layer}`);
    return rows;
  }

  #layer(rows: Rows, name: string): Rows {
    const mixed = this.#attended(rows, `${name}.attention.self`);
    const first = this.#normalised(
      sum(rows, this.#dense(mixed, `${name}.attention.output.dense`, hidden)),
      `${name}.attention.output.LayerNorm`,
    );
    const widened = this.#dense(first, `${name}.intermediate.dense`, wide).map((row) => row.map(gelu));
    return this.#normalised(
      sum(first, this.#dense(widened, `${name}.output.dense`, hidden)),
      `${name}.output.LayerNorm`,
    );
  }

  #attended(rows: Rows, name: string): Rows {
    const [queries, keys, values] = [
      this.#dense(rows, `${name}.query`, hidden),
      this.#dense(rows, `${name}.key`, hidden),
      this.#dense(rows, `${name}.value`, hidden),
    ];
    return queries.map((query) => {
      const out = new Float64Array(hidden);
      for (let head = 0; head < heads; head++) {
        const [start, end] = [head * headWidth, (head + 1) * headWidth];
        const own = query.subarray(start, end);
        const logits = keys.map((key) => dot(own, key.subarray(start, end)) / Math.sqrt(headWidth));
        const most = Math.max(...logits);
        const weights = logits.map((logit) => Math.exp(logit - most));
        const total = weights.reduce((a, b) => a + b, 0);
        values.forEach((value, token) => {
          const weight = (weights[token] ?? 0) / total;
          for (let i = start; i < end; i++) add(out, i, weight * (value[i] ?? 0));
        });
      }
      return out;
    });
  }

  #dense(rows: Rows, name: string, outputs: number): Rows {
    const [weights, bias] = [this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`)];
    return rows.map((row) =>
      Float64Array.from({ length: outputs }, (_, channel) => {
        const start = channel * row.length;
        let total = bias[channel] ?? 0;
        for (let i = 0; i < row.length; i++) total += (row[i] ?? 0) * (weights[start + i] ?? 0);
        return total;
      }),
    );
  }

  #normalised(rows: Rows, name: string): Rows {
    const [gain, bias] = [this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`)];
    return rows.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      const factor = 1 / Math.sqrt(variance + 1e-12);
      return row.map((value, i) => (value - mean) * factor * (gain[i] ?? 0) + (bias[i] ?? 0));
    });
  }

  #tensor(name: string): Float32Array {
    const found = this.#tensors.get(name);
    if (found === undefined) throw new Error(`the original has no ${name}`);
    return found;
  }
}

function add(values: Float64Array, at: number, value: number): void {
  values[at] = (values[at] ?? 0) + value;
}

function dot(left: Float64Array, right: Float64Array): number {
  return left.reduce((total, value, i) => total + value * (right[i] ?? 0), 0);
}

function sum(left: Rows, right: Rows): Rows {
  return left.map((row, index) => row.map((value, i) => value + (right[index]?.[i] ?? 0)));
}

/** x · Φ(x), Φ by Simpson's rule over the normal density: other than the kernels', so that it can find them wrong. */
function gelu(x: number): number {
  const size = Math.min(Math.abs(x), 9);
  const steps = 2 * Math.ceil(8 * size + 4);
  const step = size / steps;
  let total = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4;
    total += weight * Math.exp(-((i * step) ** 2) / 2);
  }
  const upper = (total * step) / 3 / Math.sqrt(2 * Math.PI);
  return x * (x < 0 ? 0.5 - upper : 0.5 + upper);
}
