import { probeSentences } from "#core/embedding/probes.ts";
import { hashParts } from "#core/ingest/hash.ts";
import type { EmbeddedTokens, Embedder } from "#core/ports/embedder.ts";
import { gaussian, random } from "../index/random.ts";

/** Directions that vectors are made of: so that nearest ones exist, as among passages of topics. */
const directions = 300;

/**
 * An encoder with its tokenizer, but with vectors and token outputs (if it gives any) out of thin air, at no cost to speak of: to fill a
 * collection, and to measure everything but the encoder. The probe sentences keep their true vectors, or the service would see that this
 * is not the encoder it says it is.
 */
export function madeUpEncoder(real: Embedder): Embedder {
  const { tokenOutputs, model } = real;
  const dimensions = tokenOutputs?.dimensions ?? 1;
  const noise = Int8Array.from({ length: 4_096 * dimensions }, () => 0);
  const draw = gaussian(random(3));
  for (let i = 0; i < noise.length; i++) noise[i] = Math.max(-127, Math.min(127, Math.round(16 * draw())));
  const unit = (seed: number): Float32Array => {
    const next = gaussian(random(seed));
    return Float32Array.from({ length: model.dimensions }, next);
  };
  const known = Array.from({ length: directions }, (_, i) => unit(i));
  const embed = (text: string): EmbeddedTokens => {
    const seed = Number.parseInt(hashParts([text]).slice(0, 8), 16);
    const [a, b] = [known[seed % directions], known[(seed >>> 9) % directions]];
    const vector = Float32Array.from({ length: model.dimensions }, (_, i) => (a?.[i] ?? 0) + 0.7 * (b?.[i] ?? 0));
    const length = Math.hypot(...vector);
    const count = Math.min(model.maxTokens, real.countTokens(text));
    const from = seed % (4_096 - count);
    return {
      vector: vector.map((value) => value / length),
      tokens: {
        ids: Uint16Array.from({ length: count }, (_, i) => 2_000 + ((seed + i) % 20_000)),
        vectors: noise.slice(from * dimensions, (from + count) * dimensions),
      },
    };
  };
  return {
    model,
    countTokens: (text) => real.countTokens(text),
    embed: async (texts, purpose) =>
      texts.every((text) => isProbe(text)) ? real.embed(texts, purpose) : texts.map((text) => embed(text).vector),
    ...(tokenOutputs === undefined
      ? {}
      : {
          tokenOutputs: {
            dimensions,
            words: (ids) => tokenOutputs.words(ids),
            embed: async (texts: readonly string[]) => texts.map(embed),
          },
        }),
    close: () => real.close(),
  };
}

const isProbe = (text: string): boolean => (probeSentences as readonly string[]).includes(text);
