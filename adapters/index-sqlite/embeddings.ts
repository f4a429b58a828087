import type { DatabaseSync } from "node:sqlite";
import type { SourceKey } from "#core/document.ts";
import type { StoredEmbedding } from "#core/ports/index.ts";
import { vectorsOf } from "./engine/vectors.ts";

/** An embedding key as stored. */
export const keyBytes = (key: string): Uint8Array => Buffer.from(key, "hex");

/**
 * Where a chunk's embedding lies: its generation, and its place among that generation's vectors. The plus signs keep the search on the key's
 * index: by tenant and source it would pass over all that the source holds.
 */
export const placeOf = `SELECT c.generation_id, c.chunk, g.dimensions,
    (SELECT count(*) FROM index_chunks p WHERE p.generation_id = c.generation_id AND p.chunk < c.chunk) AS place
  FROM index_chunks c JOIN index_generations g ON g.id = c.generation_id JOIN index_memory m ON m.generation_id = g.id
  WHERE c.embedding_key = ? AND +g.tenant = ? AND +g.source = ? AND +g.fingerprint = ? LIMIT 1`;

/**
 * Reads embeddings by key from the generations that are stored now. Tenant and source are part of the key, and asked for once more.
 * @throws Error when a row is not one of ours
 */
export function storedEmbeddings(
  database: DatabaseSync,
  { tenant, source }: SourceKey,
  fingerprint: string,
  keys: readonly string[],
): Map<string, StoredEmbedding> {
  const place = database.prepare(placeOf);
  const ofGeneration = database.prepare("SELECT vectors FROM index_memory WHERE generation_id = ?");
  const ofChunk = database.prepare(
    "SELECT dimensions, vectors FROM index_token_outputs WHERE generation_id = ? AND chunk = ?",
  );
  // Keys of one call are mostly those of one document, whose vectors are one value.
  const known = new Map<number, Float32Array>();
  const found = new Map<string, StoredEmbedding>();
  for (const key of keys) {
    const row = place.get(keyBytes(key), tenant, source, fingerprint);
    if (row === undefined) continue;
    const [handle, chunk, dimensions] = [Number(row.generation_id), Number(row.chunk), Number(row.dimensions)];
    let vectors = known.get(handle);
    if (vectors === undefined) {
      vectors = vectorsOf(bytes(ofGeneration.get(handle)?.vectors));
      known.set(handle, vectors);
    }
    const from = Number(row.place) * dimensions;
    const vector = vectors.slice(from, from + dimensions);
    const tokens = ofChunk.get(handle, chunk);
    const tokenOutputs = tokens && {
      dimensions: Number(tokens.dimensions),
      vectors: new Int8Array(bytes(tokens.vectors)),
    };
    found.set(key, tokenOutputs === undefined ? { vector } : { vector, tokenOutputs });
  }
  return found;
}

function bytes(value: unknown): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array)) throw new Error("an embedding is stored without its numbers");
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength) as Uint8Array<ArrayBuffer>;
}
