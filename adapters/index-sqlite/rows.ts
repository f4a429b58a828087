import { endianness } from "node:os";
import type { SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import type { ChunkText, IndexedChunk, TokenOutputs } from "#core/ports/index.ts";

const swapped = endianness() === "BE";

/** A vector as stored: f32, little-endian. */
export function vectorBytes(vector: Float32Array): Uint8Array {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  return swapped ? Buffer.from(bytes).swap32() : bytes;
}

function vectorOf(bytes: Uint8Array): Float32Array {
  // A copy: the bytes need not lie on a multiple of four.
  const copy = Buffer.from(new Uint8Array(bytes).buffer);
  if (swapped) copy.swap32();
  return new Float32Array(copy.buffer, copy.byteOffset, Math.floor(copy.byteLength / 4));
}

/** Terms with their counts as stored. */
export function termsJson(terms: ReadonlyMap<string, number>): string {
  return JSON.stringify([...terms]);
}

/** Checked by hand: a start reads millions of these. */
function termsOf(stored: unknown): Map<string, number> {
  const terms = new Map<string, number>();
  if (!Array.isArray(stored)) throw new Error("stored terms are not a list");
  for (const pair of stored) {
    const [term, frequency]: unknown[] = Array.isArray(pair) ? pair : [];
    if (typeof term !== "string" || typeof frequency !== "number" || !(frequency > 0)) {
      throw new Error("a stored term is not a term with its count");
    }
    terms.set(term, frequency);
  }
  return terms;
}

const path = z.array(z.string());
const textRow = z.object({
  chunk_id: z.string(),
  body: z.string(),
  heading_path: z.string(),
  start_char: z.int(),
  end_char: z.int(),
  tokens: z.int(),
});
const chunkRow = textRow.extend({
  generation_id: z.int(),
  chunk: z.int(),
  vector: z.instanceof(Uint8Array),
  terms: z.string(),
  term_count: z.int(),
});
const generationRow = z.object({
  id: z.int(),
  tenant: z.string(),
  source: z.string(),
  document: z.string(),
  generation: z.int(),
  fingerprint: z.string(),
  dimensions: z.int().positive(),
});

type Row = Record<string, SQLOutputValue>;

/** @throws ZodError when the row is not one of ours */
export function readGeneration(row: Row): z.infer<typeof generationRow> {
  return generationRow.parse(row);
}

/** @throws ZodError when the row is not one of ours */
export function readText(row: Row): ChunkText {
  const { chunk_id, body, heading_path, start_char, end_char, tokens } = textRow.parse(row);
  const headingPath = path.parse(JSON.parse(heading_path));
  return { chunkId: chunk_id, text: body, headingPath, startChar: start_char, endChar: end_char, tokens };
}

/** @throws ZodError when the row is not one of ours */
export function readTokenOutputs(row: Row): TokenOutputs {
  const { dimensions, vectors } = tokenRow.parse(row);
  return { dimensions, vectors: Int8Array.from(new Int8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)) };
}
const tokenRow = z.object({ dimensions: z.int().positive(), vectors: z.instanceof(Uint8Array) });

/** What memory keeps of a chunk. @throws ZodError when the row is not one of ours */
export function readMemory(row: Row): MemoryChunk & { readonly generationId: number } {
  const { generation_id, chunk, chunk_id, vector, term_count, terms: json } = memoryRow.parse(row);
  return {
    generationId: generation_id,
    chunk,
    chunkId: chunk_id,
    vector: vectorOf(vector),
    terms: termsOf(JSON.parse(json)),
    termCount: term_count,
  };
}
const memoryRow = chunkRow.omit({ body: true, heading_path: true, start_char: true, end_char: true, tokens: true });

/** The part of a chunk that is searched. */
export type MemoryChunk = Pick<IndexedChunk, "chunk" | "chunkId" | "vector" | "terms" | "termCount">;
