import type { ContentInfo, DocumentKey, SourceKey } from "../document.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { IndexedChunk, StoredEmbedding, VectorIndex } from "../ports/index.ts";
import { analyse } from "../text/analyse.ts";
import { titleBoost } from "../text/bm25.ts";
import { chunkInSlices, embeddingInput } from "../text/chunk.ts";
import { parseInSlices } from "../text/parse.ts";
import type { ParsedDocument } from "../text/parsed.ts";
import type { Sliced } from "../text/slices.ts";
import { chunkIdOf } from "./chunk-id.ts";
import { embeddingKey } from "./hash.ts";
import { inTurns, nextTurn } from "./turns.ts";

/** Chunks per call of the embedder; between two calls, requests get their turn. */
const batchSize = 32;

/** An accepted document, as the worker read it. */
export interface AcceptedDocument {
  readonly key: DocumentKey;
  readonly content: ContentInfo & { readonly generation: number };
  readonly body: string;
}

/** Where embeddings of the same texts may still lie. */
export type EmbeddingSource = Pick<VectorIndex, "embeddings">;

/**
 * Everything that the index stores of a document: parsed, cut into chunks, embedded and analysed. The title is part of what is
 * embedded and analysed of every chunk. What generations of the same source in the index hold already is not embedded again.
 * @throws ParseError when no attempt can succeed
 * @throws AppError `embedder-unavailable`
 */
export async function indexedChunks(
  document: AcceptedDocument,
  embedder: Embedder,
  index: EmbeddingSource,
): Promise<readonly IndexedChunk[]> {
  const { key, content, body } = document;
  const parsed = await inTurns(parseInSlices(body, content.contentType));
  return chunksOfParsed({ key, content, parsed }, embedder, index);
}

/** The same for a document that is parsed already. */
export async function chunksOfParsed(
  { key, content, parsed }: Omit<AcceptedDocument, "body"> & { readonly parsed: ParsedDocument },
  embedder: Embedder,
  index: EmbeddingSource,
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
  const embedded = await embedAll(inputs, embedder, index, key);
  const terms = await inTurns(analyseAll(inputs, title));
  return chunks.map((chunk, number) => ({
    ...chunk,
    chunkId: chunkIdOf(key, content.generation, number),
    chunk: number,
    ...(embedded[number] ?? { vector: new Float32Array(), embeddingKey: "" }),
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

/** What the encoder gives of one chunk, now or at an earlier time. */
type ChunkVectors = Required<Pick<IndexedChunk, "embeddingKey">> & StoredEmbedding;

async function embedAll(
  inputs: readonly string[],
  embedder: Embedder,
  index: EmbeddingSource,
  of: SourceKey,
): Promise<ChunkVectors[]> {
  const { fingerprint, dimensions } = embedder.model;
  const all: ChunkVectors[] = [];
  for (let from = 0; from < inputs.length; from += batchSize) {
    const batch = inputs.slice(from, from + batchSize).map((input) => ({
      input,
      key: embeddingKey(of, fingerprint, input),
    }));
    const keys = batch.map(({ key }) => key);
    const stored = await index.embeddings?.(of, fingerprint, keys);
    const known = new Map([...(stored ?? [])].filter(([, one]) => isUsable(one, embedder)));
    const missing = new Map(batch.flatMap(({ key, input }) => (known.has(key) ? [] : [[key, input]])));
    const embedded = missing.size === 0 ? [] : await embedBatch([...missing.values()], embedder);
    if (embedded.length !== missing.size) throw new Error(`${embedded.length} vectors for ${missing.size} texts`);
    for (const [at, key] of [...missing.keys()].entries()) {
      const one = embedded[at];
      if (one === undefined || !isVector(one.vector, dimensions)) {
        throw new Error(`the embedder gave something else than ${dimensions} finite numbers`);
      }
      known.set(key, one);
    }
    for (const key of keys) {
      const one = known.get(key);
      if (one !== undefined) all.push({ ...one, embeddingKey: key });
    }
    await nextTurn();
  }
  return all;
}

async function embedBatch(batch: readonly string[], embedder: Embedder): Promise<StoredEmbedding[]> {
  const { tokenOutputs } = embedder;
  if (tokenOutputs === undefined) return (await embedder.embed(batch, "passage")).map((vector) => ({ vector }));
  const { dimensions } = tokenOutputs;
  return (await tokenOutputs.embed(batch, "passage")).map(({ vector, tokens }) => ({
    vector,
    tokenOutputs: { dimensions, vectors: tokens.vectors },
  }));
}

/** Whether a stored embedding is what the encoder would give in form; otherwise it is made anew. */
function isUsable({ vector, tokenOutputs }: StoredEmbedding, { model, tokenOutputs: tokens }: Embedder): boolean {
  return isVector(vector, model.dimensions) && tokenOutputs?.dimensions === tokens?.dimensions;
}

/** A vector with a hole in it would be found by nothing, or worse, by everything. */
function isVector(vector: Float32Array, dimensions: number): boolean {
  return vector.length === dimensions && vector.every(Number.isFinite);
}

function counted(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
