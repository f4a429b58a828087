import type { ContentInfo, DocumentKey } from "../document.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { IndexedChunk } from "../ports/index.ts";
import { analyse } from "../text/analyse.ts";
import { titleBoost } from "../text/bm25.ts";
import { chunkInSlices, embeddingInput } from "../text/chunk.ts";
import { parseInSlices } from "../text/parse.ts";
import type { ParsedDocument } from "../text/parsed.ts";
import type { Sliced } from "../text/slices.ts";
import { chunkIdOf } from "./chunk-id.ts";
import { inTurns, nextTurn } from "./turns.ts";

/** Chunks per call of the embedder; between two calls, requests get their turn. */
const batchSize = 32;

/** An accepted document, as the worker read it. */
export interface AcceptedDocument {
  readonly key: DocumentKey;
  readonly content: ContentInfo & { readonly generation: number };
  readonly body: string;
}

/**
 * Everything that the index stores of a document: parsed, cut into chunks, embedded and analysed. The title is part of what is
 * embedded and analysed of every chunk.
 * @throws ParseError when no attempt can succeed
 * @throws AppError `embedder-unavailable`
 */
export async function indexedChunks(document: AcceptedDocument, embedder: Embedder): Promise<readonly IndexedChunk[]> {
  const { key, content, body } = document;
  const parsed = await inTurns(parseInSlices(body, content.contentType));
  return chunksOfParsed({ key, content, parsed }, embedder);
}

/** The same for a document that is parsed already. */
export async function chunksOfParsed(
  { key, content, parsed }: Omit<AcceptedDocument, "body"> & { readonly parsed: ParsedDocument },
  embedder: Embedder,
): Promise<readonly IndexedChunk[]> {
  const { title } = content;
  const chunks = await inTurns(
    chunkInSlices(parsed, {
      title,
      maxTokens: embedder.model.maxTokens,
      countTokens: (text) => embedder.countTokens(text),
    }),
  );
  const inputs = chunks.map((chunk) => embeddingInput(title, chunk.headingPath, chunk.text));
  const embedded = await embedAll(inputs, embedder);
  const terms = await inTurns(analyseAll(inputs, title));
  return chunks.map((chunk, number) => ({
    ...chunk,
    chunkId: chunkIdOf(key, content.generation, number),
    chunk: number,
    ...(embedded[number] ?? { vector: new Float32Array() }),
    terms: terms[number]?.counts ?? new Map(),
    termCount: terms[number]?.termCount ?? 0,
  }));
}

/** Terms of one chunk. */
type ChunkTerms = Pick<IndexedChunk, "termCount"> & { readonly counts: IndexedChunk["terms"] };

function* analyseAll(inputs: readonly string[], title: string): Sliced<readonly ChunkTerms[]> {
  const titleTerms = new Set(analyse(title));
  const all: ChunkTerms[] = [];
  for (const input of inputs) {
    yield;
    const terms = analyse(input);
    const counts = counted(terms);
    for (const term of titleTerms) counts.set(term, (counts.get(term) ?? 0) + titleBoost);
    all.push({ counts, termCount: terms.length });
  }
  return all;
}

/** What the encoder gives of one chunk. */
type ChunkVectors = Pick<IndexedChunk, "vector" | "tokenOutputs">;

async function embedAll(inputs: readonly string[], embedder: Embedder): Promise<ChunkVectors[]> {
  const all: ChunkVectors[] = [];
  for (let from = 0; from < inputs.length; from += batchSize) {
    const batch = inputs.slice(from, from + batchSize);
    const embedded = await embedBatch(batch, embedder);
    if (embedded.length !== batch.length) throw new Error(`${embedded.length} vectors for ${batch.length} texts`);
    for (const one of embedded) {
      checked(one.vector, embedder.model.dimensions);
      all.push(one);
    }
    await nextTurn();
  }
  return all;
}

async function embedBatch(batch: readonly string[], embedder: Embedder): Promise<ChunkVectors[]> {
  const { tokenOutputs } = embedder;
  if (tokenOutputs === undefined) return (await embedder.embed(batch, "passage")).map((vector) => ({ vector }));
  const { dimensions } = tokenOutputs;
  return (await tokenOutputs.embed(batch, "passage")).map(({ vector, tokens }) => ({
    vector,
    tokenOutputs: { dimensions, vectors: tokens.vectors },
  }));
}

/** A vector with a hole in it would be found by nothing, or worse, by everything. */
function checked(vector: Float32Array, dimensions: number): Float32Array {
  if (vector.length !== dimensions || !vector.every(Number.isFinite)) {
    throw new Error(`the embedder gave something else than ${dimensions} finite numbers`);
  }
  return vector;
}

function counted(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
