import type { EmbeddedTokens } from "#core/ports/embedder.ts";

/** An embedding as bytes: the f32 vector, the number of tokens as u32, their ids as u16, and their rows. In this machine's byte order. */
export function encodeEmbedding({ vector, tokens }: EmbeddedTokens): Uint8Array {
  const parts = [vector, Uint32Array.of(tokens.ids.length), tokens.ids, tokens.vectors];
  return Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
}

/** @param dimensions of the vector */
export function decodeEmbedding(bytes: Uint8Array, dimensions: number): EmbeddedTokens {
  // A copy: the bytes need not lie on a multiple of four.
  const { buffer } = new Uint8Array(bytes);
  const vector = new Float32Array(buffer, 0, dimensions);
  const from = dimensions * 4;
  const [count = 0] = new Uint32Array(buffer, from, 1);
  const ids = new Uint16Array(buffer, from + 4, count);
  return { vector, tokens: { ids, vectors: new Int8Array(buffer, from + 4 + count * 2) } };
}
