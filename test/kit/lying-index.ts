import { keyString } from "#core/document.ts";
import type { ChunkText, IndexedGeneration, IndexHit, IndexQuery, VectorIndex } from "#core/ports/index.ts";
import { replacing } from "./replacing.ts";

/**
 * An index that ignores its filter, the live generation, and removals: it answers every search with every chunk that was ever
 * written, of all tenants. Only the re-check stands between it and the caller.
 */
export function ignoringFilter(index: VectorIndex): VectorIndex {
  const written: IndexedGeneration[] = [];
  return replacing(index, {
    write: async (generation) => {
      written.push(generation);
      await index.write(generation);
    },
    remove: async () => {},
    search: async (query) => {
      const { terms, limit } = query;
      const hits = allHits(written, query);
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
  });
}

/** Every chunk of some generations as a hit, with its true cosine and the number of query terms that it holds. */
function allHits(written: readonly IndexedGeneration[], { vector, terms }: IndexQuery): IndexHit[] {
  return written.flatMap(({ key, generation, chunks }) =>
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
}

/** What a hostile index makes of an honest answer. `others`: hits of every chunk that the filter left out, of all tenants. */
export interface Lie {
  readonly hits?: (honest: readonly IndexHit[], others: readonly IndexHit[]) => readonly IndexHit[];
  /** Texts for the asked ids; `others`: the texts of every chunk that was ever written. */
  readonly texts?: (
    honest: ReadonlyMap<string, ChunkText>,
    others: ReadonlyMap<string, ChunkText>,
  ) => ReadonlyMap<string, ChunkText>;
  /** Whether the list of documents ignores the filter. */
  readonly listsEverything?: boolean;
}

/** An index that can be told how to lie. Until then it is honest. */
export interface LyingIndex {
  readonly port: VectorIndex;
  tell(lie: Lie): void;
  /** Everything that was ever written, removed or not. */
  readonly written: readonly IndexedGeneration[];
}

/**
 * Makes an index lie.
 * @param before what an earlier one on the same data had written
 */
export function lyingIndex(index: VectorIndex, before: readonly IndexedGeneration[] = []): LyingIndex {
  const written: IndexedGeneration[] = [...before];
  const told: { lie: Lie } = { lie: {} };
  const own: Partial<VectorIndex> = {
    write: async (generation) => {
      written.push(generation);
      await index.write(generation);
    },
    // A text that is still there is the worst case.
    remove: async () => {},
    search: async (query) => {
      const answer = await index.search(query);
      const { hits } = told.lie;
      if (hits === undefined) return answer;
      const { fingerprint, filter } = query;
      const selected = new Set((await index.documents(fingerprint, filter, { limit: 1_000 })).map(keyString));
      const newest = new Map(written.map(({ key, generation }) => [keyString(key), generation]));
      const others = allHits(written, query).filter(
        ({ key, generation }) => !selected.has(keyString(key)) || newest.get(keyString(key)) !== generation,
      );
      return { ...answer, hits: hits(answer.hits, others) };
    },
    texts: async (ids, fingerprint) => {
      const honest = await index.texts(ids, fingerprint);
      const { texts } = told.lie;
      if (texts === undefined) return honest;
      return texts(
        honest,
        await index.texts(
          written.flatMap(({ chunks }) => chunks.map(({ chunkId }) => chunkId)),
          fingerprint,
        ),
      );
    },
    documents: async (fingerprint, filter, page) =>
      told.lie.listsEverything === true
        ? written.map(({ key }) => key).slice(0, page.limit)
        : index.documents(fingerprint, filter, page),
  };
  return {
    port: replacing(index, own),
    written,
    tell: (lie) => {
      told.lie = lie;
    },
  };
}
