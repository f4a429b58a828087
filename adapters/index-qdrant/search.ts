import { isDeepStrictEqual } from "node:util";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { IndexAnswer, IndexHit, IndexQuery } from "#core/ports/index.ts";
import { type AllOf, allOf, ids } from "./filter.ts";
import { bm25Of, cut, type Half, idfOf } from "./halves.ts";
import { type Found, foundFields, readFound } from "./points.ts";
import { dense, lexical } from "./schema.ts";
import { select } from "./select.ts";
import type { Page, Scored, Server, VectorSearch } from "./server.ts";
import { densityOf, neighbourSearch, spreadOf, spreadSearch } from "./statistics.ts";
import { replacing, supersededBy } from "./superseded.ts";
import {
  chunksOf,
  containingOf,
  dimensionOf,
  type SparseVector,
  sizeProbe,
  sizeQuery,
  sparseQuery,
  surelySized,
  termQuery,
} from "./terms.ts";

/** What a search needs of the server. */
export type SearchServer = Pick<Server, "search" | "count" | "scroll">;

/** Asked for beyond the limit: scores that are equal at the limit are mostly found among these. */
const margin = 16;
/** How much more is asked for when they are not. */
const widen = 4;

/** The answer when nothing is selected. */
export const nothingFound = (terms: readonly string[]): IndexAnswer => ({
  hits: [],
  exhausted: true,
  statistics: {
    chunks: 0,
    documentFrequency: terms.map(() => 0),
    similarity: { mean: 0, deviation: 0 },
    neighbours: null,
  },
});

/**
 * Searches both halves inside one filter, in two batches: the best of each with what the idf is made of, and then the cosines that the
 * first did not bring, and the statistics. Everything but the filter's own points is out of reach of every number.
 *
 * Which documents are superseded has to be known before, and is mostly what it was at the last search of the same caller: the first batch is sent on
 * that assumption, and again if it was wrong.
 * @param approximateAbove number of selected chunks above which the dense half may be approximate; `undefined`: never
 */
export async function searchCollection(
  server: SearchServer,
  collection: string,
  query: IndexQuery,
  approximateAbove: number | undefined,
): Promise<IndexAnswer> {
  const begin = (assumed: readonly string[]) => {
    const filter = select(query.filter, assumed);
    return filter === "nothing" ? undefined : new OneSearch(server, collection, query, filter);
  };
  const { visibility } = query.filter;
  const page = replacing(query.filter);
  const assumed = page === undefined ? [] : (lastSuperseded.get(visibility) ?? []);
  const begun = begin(assumed);
  if (begun === undefined) return nothingFound(query.terms);
  const first = await begun.first(approximateAbove, page);
  const actual = await supersededBy(first.replacing, server, collection, query.filter);
  if (isDeepStrictEqual(actual, assumed)) return begun.finish(first);
  lastSuperseded.set(visibility, actual);
  const again = begin(actual);
  return again === undefined ? nothingFound(query.terms) : again.finish(await again.first(approximateAbove));
}

/** By the compiled filter of a caller, which lives as long as the policy and the principals stay the same. A hint: it is read anew each time. */
const lastSuperseded = new WeakMap<VisibilityFilter, readonly string[]>();

type Points = readonly Scored[];

/** What the first round brought. */
interface FirstBatch {
  readonly chunks: number;
  readonly nearest: Points;
  readonly matching: Points;
  /** One chunk for every term. */
  readonly ofTerms: readonly Points[];
  /** Of documents that replace others, if they were asked for. */
  readonly replacing: Points;
}

class OneSearch {
  readonly #server: SearchServer;
  readonly #collection: string;
  readonly #query: IndexQuery;
  readonly #filter: AllOf;
  readonly #vector: number[];
  /** By place of the term; two terms may share one. */
  readonly #dimensions: readonly number[];
  readonly #distinct: readonly number[];
  #exact = true;

  constructor(server: SearchServer, collection: string, query: IndexQuery, filter: AllOf) {
    this.#server = server;
    this.#collection = collection;
    this.#query = query;
    this.#filter = filter;
    this.#vector = [...query.vector];
    this.#dimensions = query.terms.map(dimensionOf);
    this.#distinct = [...new Set(this.#dimensions)];
  }

  /** Both halves, one chunk for every term, and the number of selected chunks. @param page asked for beside it */
  async first(approximateAbove: number | undefined, page?: Page): Promise<FirstBatch> {
    const counted = approximateAbove === undefined ? undefined : await this.#count();
    this.#exact = counted === undefined || counted <= (approximateAbove ?? 0);
    const limit = this.#query.limit + margin;
    const isLexical = this.#distinct.length > 0;
    const [nearest = [], size = [], ...rest] = await this.#server.search(this.#collection, [
      this.#dense(limit),
      this.#size(),
      ...(isLexical ? [this.#lexical(limit), ...this.#distinct.map((one) => this.#term(one))] : []),
      ...(page === undefined ? [] : [page]),
    ]);
    const pages = page === undefined ? [] : [rest.pop() ?? []];
    const [matching = [], ...ofTerms] = rest;
    const chunks = counted ?? (await this.#sizeOf(size));
    return { chunks, nearest, matching, ofTerms, replacing: pages.flat() };
  }

  #count(): Promise<number> {
    return this.#server.count(this.#collection, this.#filter);
  }

  /** The number of selected chunks, counted where the idf does not tell it exactly. */
  async #sizeOf([probe]: Points): Promise<number> {
    const chunks = probe === undefined ? Number.POSITIVE_INFINITY : chunksOf(probe.score);
    return chunks <= surelySized ? chunks : this.#count();
  }

  async finish({ chunks, nearest, matching, ofTerms }: FirstBatch): Promise<IndexAnswer> {
    const { terms } = this.#query;
    if (chunks === 0) return nothingFound(terms);
    const documentFrequency = this.#containing(ofTerms, chunks);
    const idf = idfOf(documentFrequency, chunks);
    const near = await this.#half(
      nearest,
      (limit) => this.#dense(limit),
      ({ score }) => score,
    );
    const match = await this.#half(
      matching,
      (limit) => this.#lexical(limit),
      (found) => bm25Of(found, idf),
    );
    const chosen = new Map([...near.half.found, ...match.half.found].map((found) => [found.chunkId, found]));
    const { cosines, similarity, neighbours } = await this.#second(near, chosen, chunks);
    const isLeft = (half: Half) => !half.isComplete || half.beyond.some(({ chunkId }) => !chosen.has(chunkId));
    return {
      hits: [...chosen.values()].flatMap((found) => hitOf(found, cosines.get(found.chunkId), idf)),
      exhausted: !isLeft(near.half) && !isLeft(match.half),
      statistics: {
        chunks,
        documentFrequency,
        similarity,
        neighbours,
      },
      ...(this.#exact ? {} : { approximate: true }),
    };
  }

  #dense(limit: number): VectorSearch {
    return {
      query: this.#vector,
      using: dense,
      filter: this.#filter,
      params: { exact: this.#exact },
      limit,
      with_payload: { include: foundFields },
    };
  }

  #lexical(limit: number): VectorSearch {
    return { ...this.#weighted(sparseQuery(this.#distinct), limit), with_payload: { include: foundFields } };
  }

  /** The chunk that holds a term most. */
  #term(dimension: number): VectorSearch {
    return { ...this.#weighted(termQuery(dimension), 1), with_payload: { include: foundFields } };
  }

  /** What says how many chunks there are; without a chunk of anybody's. */
  #size(): VectorSearch {
    return { ...this.#weighted(sizeQuery, 1), filter: allOf([ids([sizeProbe.id])]) };
  }

  #weighted(query: SparseVector, limit: number): VectorSearch {
    return {
      query,
      using: lexical,
      filter: this.#filter,
      // Without it the idf would be taken over all documents, hidden ones included.
      params: { idf: { corpus: this.#filter } },
      limit,
      with_payload: false,
    };
  }

  /** The number of chunks that hold each term, by its place. */
  #containing(ofTerms: readonly Points[], chunks: number): number[] {
    return this.#dimensions.map((dimension, place) => {
      const [best] = this.#read(ofTerms[this.#distinct.indexOf(dimension)] ?? []);
      const frequency = best?.frequencies[place] ?? 0;
      return best === undefined || frequency === 0 ? 0 : containingOf(best.score, frequency, best.termCount, chunks);
    });
  }

  #read(points: Points): Found[] {
    return points.map((point) => readFound(point, this.#dimensions));
  }

  /** One half, asked again for more as long as the server's cut runs through equal scores. */
  async #half(
    first: Points,
    search: (limit: number) => VectorSearch,
    score: (found: Found) => number,
  ): Promise<{ readonly half: Half; readonly points: readonly Found[] }> {
    let points = this.#read(first);
    for (let asked = this.#query.limit + margin; ; ) {
      const half = cut(points, asked, this.#query.limit, score);
      if (half !== undefined) return { half, points };
      asked *= widen;
      const [more = []] = await this.#server.search(this.#collection, [search(asked)]);
      points = this.#read(more);
    }
  }

  /** The cosines of what the lexical half alone found, and the statistics. */
  async #second(
    { half, points }: { readonly half: Half; readonly points: readonly Found[] },
    chosen: ReadonlyMap<string, Found>,
    chunks: number,
  ) {
    const cosines = new Map(points.map(({ chunkId, score }) => [chunkId, score]));
    const missing = [...chosen.keys()].filter((chunkId) => !cosines.has(chunkId));
    const [best] = half.found;
    const wantsDensity = this.#query.density === true && best !== undefined;
    const hasAll = points.length >= chunks;
    const searches: VectorSearch[] = [
      ...(missing.length === 0 ? [] : [this.#cosinesOf(missing)]),
      ...(hasAll ? [] : [spreadSearch(this.#vector, this.#filter, chunks)]),
      ...(wantsDensity ? [neighbourSearch(best, this.#filter, this.#exact)] : []),
    ];
    const answers = searches.length === 0 ? [] : [...(await this.#server.search(this.#collection, searches))];
    if (missing.length > 0) for (const { id, score } of answers.shift() ?? []) cosines.set(id, score);
    const similarity = spreadOf(hasAll ? points : (answers.shift() ?? []));
    return { cosines, similarity, neighbours: wantsDensity ? densityOf(answers.shift() ?? []) : null };
  }

  #cosinesOf(chunkIds: readonly string[]): VectorSearch {
    return {
      query: this.#vector,
      using: dense,
      filter: allOf([ids(chunkIds)]),
      params: { exact: true },
      limit: chunkIds.length,
      with_payload: false,
    };
  }
}

/** Nothing for a chunk that went between the two batches. */
function hitOf(found: Found, similarity: number | undefined, idf: readonly number[]): IndexHit[] {
  if (similarity === undefined) return [];
  const { key, generation, chunkId, chunk, frequencies } = found;
  const bm25 = bm25Of(found, idf);
  return [{ key, generation, chunkId, chunk, similarity: cosineOf(similarity), bm25, frequencies }];
}

/** How far beyond 1 the server's single-precision sums of some thousand products go: 2e-6 was seen at 4,096 dimensions. */
const singlePrecision = 1e-5;

/** A cosine, where the server's score is one but for its rounding; any other number is left for the core to refuse. */
const cosineOf = (score: number): number =>
  Math.abs(score) <= 1 + singlePrecision ? Math.min(1, Math.max(-1, score)) : score;
