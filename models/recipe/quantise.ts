import {
  hidden,
  layers,
  magic,
  maxSequence,
  offsets,
  panel,
  vocabularySize,
  wide,
} from "#adapters/embedder-minilm/shape.ts";
import type { Tensors } from "./safetensors.ts";

/** How the inputs of a matrix lie: each component's middle and how far it goes from there. */
export interface Levels {
  readonly middle: Float32Array;
  readonly reach: Float32Array;
}

/**
 * The model file without the reduction of the token outputs, which is fitted afterwards with this very file.
 * @param levels by the name of a matrix; without an entry its inputs are taken as they are. With one, components that reach far are
 * made smaller and their weights larger, by the square root of the ratio of the two (Xiao et al. 2023, "SmoothQuant", with α = ½),
 * around their middle, whose share goes into the bias.
 */
export function quantisedModel(tensors: Tensors, levels: ReadonlyMap<string, Levels>): Buffer {
  const { at, total } = offsets();
  const file = Buffer.alloc(total);
  file.write(magic, "latin1");
  const tensor = (name: string): Float32Array => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`the original has no ${name}`);
    return found;
  };
  const put = (piece: string, values: Float32Array | Int8Array): void => {
    const start = at.get(piece);
    if (start === undefined) throw new Error(`the model has no piece ${piece}`);
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start);
  };

  const words = quantisedRows(tensor("embeddings.word_embeddings.weight"), hidden);
  if (words.scales.length !== vocabularySize) throw new Error(`a vocabulary of ${words.scales.length} tokens`);
  put("words", words.bytes);
  put("wordScales", words.scales);
  put("positions", positions(tensor));
  const putNorm = (piece: string, name: string): void => {
    put(`${piece}.gain`, tensor(`${name}.weight`));
    put(`${piece}.bias`, tensor(`${name}.bias`));
  };
  const putMatrix = (piece: string, inputs: number, names: readonly string[]): void => {
    const weights = joined(names.map((name) => tensor(`${name}.weight`)));
    const bias = joined(names.map((name) => tensor(`${name}.bias`)));
    if (levelled.test(piece)) {
      const { offset, factor } = level(weights, bias, levels.get(piece));
      put(`${piece}.offset`, offset);
      put(`${piece}.factor`, factor);
    }
    const { bytes, scales } = quantisedRows(weights, inputs);
    put(`${piece}.weights`, packed(bytes, inputs));
    put(`${piece}.scale`, scales);
    put(`${piece}.sum`, weightSums(bytes, scales, inputs));
    put(`${piece}.bias`, bias);
  };
  putNorm("embeddingNorm", "embeddings.LayerNorm");
  for (let layer = 0; layer < layers; layer++) {
    const from = `encoder.layer.${layer}`;
    const self = ["query", "key", "value"].map((part) => `${from}.attention.self.${part}`);
    putMatrix(`${layer}.attention`, hidden, self);
    putMatrix(`${layer}.mix`, hidden, [`${from}.attention.output.dense`]);
    putNorm(`${layer}.mixNorm`, `${from}.attention.output.LayerNorm`);
    putMatrix(`${layer}.widen`, hidden, [`${from}.intermediate.dense`]);
    putMatrix(`${layer}.narrow`, wide, [`${from}.output.dense`]);
    putNorm(`${layer}.narrowNorm`, `${from}.output.LayerNorm`);
  }
  return file;
}

const levelled = /\.(attention|widen)$/;

/** Brings weights and bias of a matrix to the level of its inputs, in place. */
function level(
  weights: Float32Array,
  bias: Float32Array,
  levels: Levels | undefined,
): { offset: Float32Array; factor: Float32Array } {
  const offset = levels?.middle ?? new Float32Array(hidden);
  const factor = new Float32Array(hidden).fill(1);
  if (levels === undefined) return { offset, factor };
  bias.forEach((value, channel) => {
    let share = value;
    for (let k = 0; k < hidden; k++) share += (weights[channel * hidden + k] ?? 0) * (offset[k] ?? 0);
    bias[channel] = share;
  });
  for (let k = 0; k < hidden; k++) {
    let most = 1e-6;
    for (let at = k; at < weights.length; at += hidden) most = Math.max(most, Math.abs(weights[at] ?? 0));
    factor[k] = Math.sqrt(most / Math.max(levels.reach[k] ?? 0, 1e-3));
    for (let at = k; at < weights.length; at += hidden) weights[at] = (weights[at] ?? 0) / (factor[k] ?? 1);
  }
  return { offset, factor };
}

/** Each position's row plus the row of the one token type. */
function positions(tensor: (name: string) => Float32Array): Float32Array {
  const type = tensor("embeddings.token_type_embeddings.weight");
  const all = tensor("embeddings.position_embeddings.weight").slice(0, maxSequence * hidden);
  return all.map((value, index) => value + (type[index % hidden] ?? 0));
}

/** Symmetric int8 per row: `value ≈ scale · byte`, with the row's largest magnitude at 127. */
function quantisedRows(values: Float32Array, length: number): { bytes: Int8Array; scales: Float32Array } {
  const bytes = new Int8Array(values.length);
  const scales = new Float32Array(values.length / length);
  for (let row = 0; row < scales.length; row++) {
    const part = values.subarray(row * length, (row + 1) * length);
    const scale = Math.fround(part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127) || 1;
    scales[row] = scale;
    part.forEach((value, index) => {
      bytes[row * length + index] = Math.max(-127, Math.min(127, Math.round(value / scale)));
    });
  }
  return { bytes, scales };
}

function weightSums(bytes: Int8Array, scales: Float32Array, length: number): Float32Array {
  return scales.map((scale, row) => {
    let sum = 0;
    for (const byte of bytes.subarray(row * length, (row + 1) * length)) sum += byte;
    return sum * scale;
  });
}

/** From rows to the order that the product reads: panel of channels, four inputs, channel, input. */
function packed(bytes: Int8Array, inputs: number): Int8Array {
  const out = new Int8Array(bytes.length);
  for (let from = 0; from < bytes.length; from++) {
    const [channel, input] = [Math.floor(from / inputs), from % inputs];
    const start = Math.floor(channel / panel) * panel * inputs + Math.floor(input / 4) * panel * 4;
    out[start + (channel % panel) * 4 + (input % 4)] = bytes[from] ?? 0;
  }
  return out;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
