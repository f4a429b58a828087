import type { IndexedGeneration, IndexHit, VectorIndex } from "#core/ports/index.ts";

/**
 * An index that ignores its filter, the live generation, and removals: it answers every search with every chunk that was ever
 * written, of all tenants. Only the re-check stands between it and the caller.
 */
export function ignoringFilter(index: VectorIndex): VectorIndex {
  const written: IndexedGeneration[] = [];
  return {
    ...index,
    write: async (generation) => {
      written.push(generation);
      await index.write(generation);
    },
    remove: async () => {},
    search: async ({ vector, terms, limit }) => {
      const hits: IndexHit[] = written.flatMap(({ key, generation, chunks }) =>
        chunks.map((chunk) => ({
          key,
          generation,
          chunkId: chunk.chunkId,
          chunk: chunk.chunk,
          similarity: chunk.vector.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0),
          bm25: terms.filter((term) => chunk.terms.has(term)).length,
          frequencies: terms.map((term) => chunk.terms.get(term) ?? 0),
        })),
      );
      // The worst order for a re-check: what is hidden first, what may be read last, a few at a time.
      const shown = hits.toReversed().slice(0, limit);
      return {
        hits: shown,
        exhausted: shown.length === hits.length,
        statistics: {
          chunks: hits.length,
          documentFrequency: terms.map(() => 1),
          similarity: { mean: 0, deviation: 0 },
          neighbours: null,
        },
      };
    },
    texts: (ids) => index.texts(ids),
    tokenOutputs: (ids) => index.tokenOutputs(ids),
    documents: (fingerprint, filter, page) => index.documents(fingerprint, filter, page),
    close: () => index.close(),
  };
}
