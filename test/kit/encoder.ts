import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { AppError } from "#core/errors.ts";
import type { Embedder } from "#core/ports/embedder.ts";

/** An encoder of a test's own; see {@link testEncoder}. */
export interface TestEncoder extends Embedder {
  /** Texts that hold one of these words cannot be embedded now, as in an outage. */
  readonly down: Set<string>;
  /** Moves every component of its vectors by this many places; a change of it is a drift. */
  turn: number;
}

/**
 * The hashed encoder in another space: a fingerprint of its own, and vectors whose components are moved by `turn` places, so that a
 * comparison with those of another turn gives noise.
 */
export function testEncoder(name: string, turn: number): TestEncoder {
  const hashed = hashedEmbedder();
  const encoder: TestEncoder = {
    ...hashed,
    model: { ...hashed.model, fingerprint: `fingerprint-${name}` },
    down: new Set(),
    turn,
    async embed(texts, purpose) {
      if (texts.some((text) => [...encoder.down].some((word) => text.includes(word)))) {
        throw new AppError("embedder-unavailable");
      }
      const vectors = await hashed.embed(texts, purpose);
      return vectors.map((vector) => {
        const cut = encoder.turn % vector.length;
        return Float32Array.of(...vector.subarray(cut), ...vector.subarray(0, cut));
      });
    },
  };
  return encoder;
}
