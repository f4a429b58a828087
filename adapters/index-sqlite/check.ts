import { AppError } from "#core/errors.ts";
import type { IndexedChunk, IndexedGeneration } from "#core/ports/index.ts";
import { vectorProblem } from "./engine/vectors.ts";

/**
 * Refuses a generation that could not be searched honestly, before anything of it is stored.
 * @throws AppError `index-unavailable`; its cause says which chunk and why
 */
export function checkGeneration(generation: IndexedGeneration, dimensions: number): void {
  const ids = new Set<string>();
  let last = -1;
  for (const chunk of generation.chunks) {
    const problem = vectorProblem(chunk.vector, dimensions) ?? chunkProblem(chunk, last, ids);
    if (problem !== undefined) {
      throw new AppError("index-unavailable", {}, { cause: new Error(`chunk ${chunk.chunk}: ${problem}`) });
    }
    last = chunk.chunk;
    ids.add(chunk.chunkId);
  }
}

function chunkProblem(chunk: IndexedChunk, last: number, ids: ReadonlySet<string>): string | undefined {
  if (!Number.isSafeInteger(chunk.chunk) || chunk.chunk <= last) return `chunk numbers must grow (${last} before)`;
  if (ids.has(chunk.chunkId)) return "a chunk id twice";
  if (!Number.isSafeInteger(chunk.termCount) || chunk.termCount < 0 || chunk.termCount > 0x7fffffff) {
    return "the term count is not a count";
  }
  for (const frequency of chunk.terms.values()) {
    if (!Number.isSafeInteger(frequency) || frequency < 1 || frequency > 0x7fffffff)
      return "a term frequency is not a count";
  }
  const { tokenOutputs } = chunk;
  if (tokenOutputs === undefined) return undefined;
  const { dimensions, vectors } = tokenOutputs;
  const isWhole = Number.isSafeInteger(dimensions) && dimensions >= 1 && vectors.length % dimensions === 0;
  return isWhole ? undefined : "the token outputs are no whole number of rows";
}
