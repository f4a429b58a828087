import { z } from "zod";
import { type DocumentKey, keyString } from "#core/document.ts";
import { limits } from "#core/limits.ts";
import type { ChunkText, IndexedChunk, IndexedGeneration, TokenOutputs } from "#core/ports/index.ts";
import type { Quality } from "#core/trust/quality.ts";
import { keyOf } from "./document-name.ts";
import { type QualityFields, qualityFields } from "./eligible.ts";
import type { Some } from "./filter.ts";
import { pack, unpack } from "./packed.ts";
import { dense, lexical } from "./schema.ts";
import type { Scored, Stored } from "./server.ts";
import { frequenciesOf, sparseOf } from "./terms.ts";

/** As of a document that says nothing of its quality. */
export const noQuality: Quality = {
  authority: null,
  reviewState: null,
  updatedAt: null,
  expiresAt: null,
  owner: null,
  supersedes: [],
};

/** Fields of the access copy; each is set by one write. */
export interface AccessFields {
  readonly grants: readonly string[];
  /** Of a second access that has to let the caller in as well; empty for none. */
  readonly other_grants: readonly string[];
  readonly denies: readonly string[];
  readonly labels: readonly string[];
  readonly access_revision: number;
}

/** Of what was written and never placed: in nobody's search, and below every revision. */
const notPlaced: AccessFields = { grants: [], other_grants: [], denies: [], labels: [], access_revision: -1 };
/** Of what was taken out of searches for good: above every revision. */
export const withdrawn: AccessFields = { ...notPlaced, access_revision: limits.version };

/** A number drawn from a chunk's id, which is a hash, 0 … 2^31 − 1: chunks below a bound are a sample that stays the same. */
export const sampleOf = (chunkId: string): number => Number.parseInt(chunkId.slice(0, 8), 16) >>> 1;

/** The fields of a document's first chunk that a search for replaced documents reads. */
interface FirstFields {
  readonly replaces: number;
  readonly quality: Quality;
}

/** The point that searches look at. */
export function searchPoint(
  { key, generation, quality = noQuality }: IndexedGeneration,
  chunk: IndexedChunk,
  isFirst: boolean,
) {
  const frequencies = frequenciesOf(chunk);
  const fields: QualityFields = qualityFields(quality);
  const first: FirstFields | undefined = isFirst ? { replaces: quality.supersedes.length, quality } : undefined;
  return {
    id: chunk.chunkId,
    vector: { [dense]: [...chunk.vector], [lexical]: sparseOf(frequencies, chunk.termCount) },
    payload: {
      tenant: key.tenant,
      source: key.source,
      document: keyString(key),
      generation,
      hit: pack({ chunk: chunk.chunk, termCount: chunk.termCount, frequencies }),
      sample: sampleOf(chunk.chunkId),
      ...notPlaced,
      ...fields,
      ...first,
    },
  };
}

const firstPoint = z.object({
  document: z.string(),
  quality: z.object({
    authority: z.string().nullable(),
    reviewState: z.string().nullable(),
    updatedAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
    owner: z.string().nullable(),
    supersedes: z.array(z.object({ source: z.string(), id: z.string() })),
  }),
});
/** What {@link readFirst} needs. */
export const firstFields: Some<string> = ["document", "quality"];

/** A document and its quality, from its first chunk. @throws ZodError when the point is not one of ours */
export function readFirst({ payload }: Stored): { readonly key: DocumentKey; readonly quality: Quality } {
  const { document, quality } = firstPoint.parse(payload);
  return { key: keyOf(document), quality };
}

/** A point that a search found. */
export interface Found {
  readonly key: DocumentKey;
  readonly generation: number;
  readonly chunkId: string;
  readonly chunk: number;
  readonly termCount: number;
  /** By place of the query's term. */
  readonly frequencies: readonly number[];
  readonly score: number;
}

/** What {@link readFound} needs. */
export const foundFields: Some<string> = ["document", "generation", "hit"];

/**
 * Looked at without a schema: there are hundreds in every question.
 * @param dimensions by place of the query's term
 * @throws Error when the point is not one of ours
 */
export function readFound({ id: chunkId, score, payload }: Scored, dimensions: readonly number[]): Found {
  const { document, generation, hit } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof document !== "string" || typeof hit !== "string" || !Number.isSafeInteger(generation)) {
    throw new Error(`the point ${chunkId} is none of ours`);
  }
  const { chunk, termCount, frequencyOf } = unpack(hit);
  const frequencies = dimensions.map(frequencyOf);
  return { key: keyOf(document), generation: Number(generation), chunkId, chunk, termCount, frequencies, score };
}

const count = z.int().nonnegative();

/** The point that texts are read from. */
export function textPoint({ key, generation }: IndexedGeneration, chunk: IndexedChunk) {
  const { text, headingPath, startChar, endChar, tokens, tokenOutputs, embeddingKey } = chunk;
  return {
    id: chunk.chunkId,
    vector: {},
    payload: {
      document: keyString(key),
      generation,
      text,
      heading_path: [...headingPath],
      start_char: startChar,
      end_char: endChar,
      tokens,
      ...(tokenOutputs === undefined ? {} : { outputs: outputsOf(tokenOutputs) }),
      ...(embeddingKey === undefined ? {} : { embedding: embeddingId(embeddingKey), embedding_key: embeddingKey }),
    },
  };
}

/** The first half of an embedding key, a hash in hex, as the server indexes it in 16 bytes. */
export const embeddingId = (key: string): string =>
  [key.slice(0, 8), key.slice(8, 12), key.slice(12, 16), key.slice(16, 20), key.slice(20, 32)].join("-");

function outputsOf({ dimensions, vectors }: TokenOutputs) {
  return {
    dimensions,
    vectors: Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength).toString("base64"),
  };
}

const textRow = z.object({
  text: z.string(),
  heading_path: z.array(z.string()),
  start_char: count,
  end_char: count,
  tokens: count,
});
/** What {@link readText} needs. */
export const textFields: Some<string> = ["text", "heading_path", "start_char", "end_char", "tokens"];

/** @throws ZodError when the point is not one of ours */
export function readText({ id, payload }: Stored): ChunkText {
  const { text, heading_path, start_char, end_char, tokens } = textRow.parse(payload);
  return { chunkId: id, text, headingPath: heading_path, startChar: start_char, endChar: end_char, tokens };
}

const outputsRow = z.object({
  outputs: z.object({ dimensions: z.int().positive(), vectors: z.base64() }).optional(),
});
/** What {@link readOutputs} needs. */
export const outputsFields: Some<string> = ["outputs"];

/** @throws Error when the point is not one of ours */
export function readOutputs({ payload }: Stored): TokenOutputs | undefined {
  const { outputs } = outputsRow.parse(payload ?? {});
  if (outputs === undefined) return undefined;
  const vectors = Int8Array.from(Buffer.from(outputs.vectors, "base64"), (byte) => (byte << 24) >> 24);
  if (vectors.length % outputs.dimensions !== 0) throw new Error("token outputs are no whole number of rows");
  return { dimensions: outputs.dimensions, vectors };
}

/** What {@link readEmbeddingKey} and {@link readOutputs} need. */
export const embeddingFields: Some<string> = ["embedding_key", "outputs"];

/** The key of what was embedded of a chunk. @throws ZodError when the point is not one of ours */
export function readEmbeddingKey({ payload }: Stored): string {
  return z.object({ embedding_key: z.string() }).parse(payload).embedding_key;
}

/** What {@link readDocument} needs. */
export const documentFields: Some<string> = ["document"];

/** The document of a point. @throws ZodError when the point is not one of ours */
export function readDocument({ payload }: Stored): DocumentKey {
  return keyOf(z.object({ document: z.string() }).parse(payload).document);
}

/** The dense vector of a point. @throws ZodError when the point is not one of ours */
export function readVector({ vector }: Stored): Float32Array {
  return Float32Array.from(z.object({ [dense]: z.array(z.number()) }).parse(vector)[dense] ?? []);
}
