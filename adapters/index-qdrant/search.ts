import { isDeepStrictEqual } from "node:util";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { IndexAnswer, IndexHit, IndexQuery } from "#core/ports/index.ts";
import { allOf, type Filter, ids } from "./filter.ts";
import { bm25Of, cut, frequenciesIn, type Half, type WeighedTerms, weigh } from "./halves.ts";
import { type Found, foundFields, readFound } from "./points.ts";
import { dense, lexical } from "./schema.ts";
import { select } from "./select.ts";
import type { Scored, Search, Server } from "./server.ts";
import { densityOf, neighbourSearch, spreadOf, spreadSearch } from "./statistics.ts";
import { superseded } from "./superseded.ts";
import { containingOf, dimensionOf, sparseQuery } from "./terms.ts";

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
    if (filter === "nothing") return undefined;
    const one = new OneSearch(server, collection, query, filter);
    return { one, first: one.first(approximateAbove) };
  };
  const { visibility, eligible } = query.filter;
  const assumed = eligible === null ? [] : (lastSuperseded.get(visibility) ?? []);
  const begun = begin(assumed);
  if (begun === undefined) return nothingFound(query.terms);
  // Both at the same time; whichever fails first, the other one is not left to fail alone.
  const [actual, first] = await Promise.all([superseded(server, collection, query.filter), begun.first]);
  if (isDeepStrictEqual(actual, assumed)) return begun.one.finish(first);
  lastSuperseded.set(visibility, actual);
  const again = begin(actual);
  return again === undefined ? nothingFound(query.terms) : again.one.finish(await again.first);
}

/** By the compiled filter of a caller, which lives as long as the policy and the principals stay the same. A hint: it is read anew each time. */
const lastSuperseded = new WeakMap<VisibilityFilter, readonly string[]>();

/** What the first round brought. */
interface FirstBatch {
  readonly chunks: number;
  /** Both halves, and one chunk for every term. */
  readonly answers: readonly (readonly Scored[])[];
}

class OneSearch {
  readonly #server: SearchServer;
  readonly #collection: string;
  readonly #query: IndexQuery;
  readonly #filter: Filter;
  readonly #vector: number[];
  /** By place of the term; two terms may share one. */
  readonly #dimensions: readonly number[];
  readonly #distinct: readonly number[];
  #exact = true;

  constructor(server: SearchServer, collection: string, query: IndexQuery, filter: Filter) {
    this.#server = server;
    this.#collection = collection;
    this.#query = query;
    this.#filter = filter;
    this.#vector = [...query.vector];
    this.#dimensions = query.terms.map(dimensionOf);
    this.#distinct = [...new Set(this.#dimensions)];
  }

  /** The number of selected chunks, and the first batch. */
  async first(approximateAbove: number | undefined): Promise<FirstBatch> {
    const count = () => this.#server.count(this.#collection, this.#filter);
    if (approximateAbove === undefined) {
      const [chunks, answers] = await Promise.all([count(), this.#firstBatch()]);
      return { chunks, answers };
    }
    const chunks = await count();
    this.#exact = chunks <= approximateAbove;
    return { chunks, answers: await this.#firstBatch() };
  }

  async finish({ chunks, answers }: FirstBatch): Promise<IndexAnswer> {
    const { terms } = this.#query;
    const [nearest, matching, ...ofTerms] = answers;
    if (chunks === 0) return nothingFound(terms);
    const weighed = this.#weigh(ofTerms, chunks);
    const near = await this.#half(
      nearest ?? [],
      (limit) => this.#dense(limit),
      ({ score }) => score,
    );
    const match = await this.#half(
      matching ?? [],
      (limit) => this.#lexical(limit),
      (found) => bm25Of(found, weighed),
    );
    const chosen = new Map([...near.half.found, ...match.half.found].map((found) => [found.chunkId, found]));
    const { cosines, similarity, neighbours } = await this.#second(near, chosen, chunks);
    const isLeft = (half: Half) => !half.isComplete || half.beyond.some(({ chunkId }) => !chosen.has(chunkId));
    return {
      hits: [...chosen.values()].flatMap((found) => hitOf(found, cosines.get(found.chunkId), weighed)),
      exhausted: !isLeft(near.half) && !isLeft(match.half),
      statistics: {
        chunks,
        documentFrequency: this.#dimensions.map((dimension) => weighed.containing.get(dimension) ?? 0),
        similarity,
        neighbours,
      },
      ...(this.#exact ? {} : { approximate: true }),
    };
  }

  /** Both halves, and one chunk for every term. */
  #firstBatch(): Promise<readonly (readonly Scored[])[]> {
    const limit = this.#query.limit + margin;
    return this.#server.search(this.#collection, [
      this.#dense(limit),
      ...(this.#distinct.length === 0 ? [] : [this.#lexical(limit), ...this.#distinct.map((one) => this.#term(one))]),
    ]);
  }

  #dense(limit: number): Search {
    return {
      query: this.#vector,
      using: dense,
      filter: this.#filter,
      params: { exact: this.#exact },
      limit,
      with_payload: { include: foundFields(this.#distinct) },
    };
  }

  #lexical(limit: number, dimensions = this.#distinct): Search {
    return {
      query: sparseQuery(dimensions),
      using: lexical,
      filter: this.#filter,
      // Without it the idf would be taken over all documents, hidden ones included.
      params: { idf: { corpus: this.#filter } },
      limit,
      with_payload: { include: foundFields(dimensions) },
    };
  }

  #term(dimension: number): Search {
    return this.#lexical(1, [dimension]);
  }

  #weigh(ofTerms: readonly (readonly Scored[])[], chunks: number) {
    const containing = new Map(
      this.#distinct.map((dimension, place) => {
        const [best] = (ofTerms[place] ?? []).map(readFound);
        const frequency = best?.frequencies[String(dimension)];
        const count =
          best === undefined || frequency === undefined
            ? 0
            : containingOf(best.score, frequency, best.termCount, chunks);
        return [dimension, count];
      }),
    );
    const counts = this.#dimensions.map((dimension) => containing.get(dimension) ?? 0);
    return { ...weigh(this.#dimensions, counts, chunks), containing };
  }

  /** One half, asked again for more as long as the server's cut runs through equal scores. */
  async #half(
    first: readonly Scored[],
    search: (limit: number) => Search,
    score: (found: Found) => number,
  ): Promise<{ readonly half: Half; readonly points: readonly Found[] }> {
    let points = first.map(readFound);
    for (let asked = this.#query.limit + margin; ; ) {
      const half = cut(points, asked, this.#query.limit, score);
      if (half !== undefined) return { half, points };
      asked *= widen;
      const [more = []] = await this.#server.search(this.#collection, [search(asked)]);
      points = more.map(readFound);
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
    const searches: Search[] = [
      ...(missing.length === 0 ? [] : [this.#cosinesOf(missing)]),
      ...(hasAll ? [] : [spreadSearch(this.#vector, this.#filter, chunks)]),
      ...(wantsDensity ? [neighbourSearch(best, this.#filter, this.#exact)] : []),
    ];
    const answers = searches.length === 0 ? [] : [...(await this.#server.search(this.#collection, searches))];
    if (missing.length > 0) for (const { id, score } of answers.shift() ?? []) cosines.set(id, score);
    const similarity = spreadOf(hasAll ? points : (answers.shift() ?? []));
    return { cosines, similarity, neighbours: wantsDensity ? densityOf(answers.shift() ?? []) : null };
  }

  #cosinesOf(chunkIds: readonly string[]): Search {
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
function hitOf(found: Found, similarity: number | undefined, terms: WeighedTerms): IndexHit[] {
  if (similarity === undefined) return [];
  const { key, generation, chunkId, chunk } = found;
  return [
    {
      key,
      generation,
      chunkId,
      chunk,
      similarity,
      bm25: bm25Of(found, terms),
      frequencies: frequenciesIn(found, terms),
    },
  ];
}
