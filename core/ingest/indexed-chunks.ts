import type { ContentInfo, DocumentKey } from "../document.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { IndexedChunk } from "../ports/index.ts";
import { analyse } from "../text/analyse.ts";
import { titleBoost } from "../text/bm25.ts";
import { chunkDocument, embeddingInput } from "../text/chunk.ts";
import { parseDocument } from "../text/parse.ts";
import type { ParsedDocument } from "../text/parsed.ts";
import { chunkIdOf } from "./chunk-id.ts";

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
  return chunksOfParsed({ key, content, parsed: parseDocument(body, content.contentType) }, embedder);
}

/** The same for a document that is parsed already. */
export async function chunksOfParsed(
  document: Omit<AcceptedDocument, "body"> & { readonly parsed: ParsedDocument },
  embedder: Embedder,
): Promise<readonly IndexedChunk[]> {
  const { key, content, parsed } = document;
  const { title } = content;
  const chunks = chunkDocument(parsed, {
    title,
    maxTokens: embedder.model.maxTokens,
    countTokens: (text) => embedder.countTokens(text),
  });
  const titleTerms = new Set(analyse(title));
  const inputs = chunks.map((chunk) => embeddingInput(title, chunk.headingPath, chunk.text));
  const vectors = await embedAll(inputs, embedder);
  return chunks.map((chunk, number) => {
    const terms = analyse(inputs[number] ?? "");
    const counts = counted(terms);
    for (const term of titleTerms) counts.set(term, (counts.get(term) ?? 0) + titleBoost);
    return {
      ...chunk,
      chunkId: chunkIdOf(key, content.generation, number),
      chunk: number,
      vector: vectors[number] ?? new Float32Array(),
      terms: counts,
      termCount: terms.length,
    };
  });
}

async function embedAll(inputs: readonly string[], embedder: Embedder): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let from = 0; from < inputs.length; from += batchSize) {
    const batch = inputs.slice(from, from + batchSize);
    const embedded = await embedder.embed(batch, "passage");
    if (embedded.length !== batch.length) throw new Error(`${embedded.length} vectors for ${batch.length} texts`);
    for (const vector of embedded) vectors.push(checked(vector, embedder.model.dimensions));
    await nextTurn();
  }
  return vectors;
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
