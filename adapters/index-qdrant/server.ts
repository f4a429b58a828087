import type { Schemas as ClientSchemas } from "@qdrant/js-client-rest";
import { z } from "zod";
import { assertTime } from "#core/deadline.ts";
import { AppError } from "#core/errors.ts";
import type { Filter, Some } from "./filter.ts";
import { requestsOf } from "./requests.ts";
import type { SparseVector } from "./terms.ts";
import { type Api, type Ways, waysTo } from "./ways.ts";

/** The types of the client. */
export type Schemas = ClientSchemas;

/** Where the server is. */
export interface ServerOptions {
  /** `http(s)://host:port`, with a path in front of the API if there is one. */
  readonly url: string;
  readonly apiKey?: string;
  /** Longest time that one request may take, ms. */
  readonly timeoutMs: number;
  /** Called after every request that failed. Must not throw. */
  readonly onTrouble: () => void;
}

/** Points of a filter, by their ids. */
export interface Page {
  readonly filter: Filter;
  readonly limit: number;
  readonly with_payload: false | { readonly include: Some<string> };
}

/** One search of a batch: by a vector, or of a page. Every one is inside a filter. */
export interface VectorSearch extends Page {
  readonly query: number[] | SparseVector | string;
  readonly using: string;
  readonly params?: { readonly exact?: boolean; readonly idf?: { readonly corpus: Filter } };
}
/** What a batch is made of. */
export type Search = VectorSearch | Page;

/** A point that a search found: its fields are still to be read. */
export interface Scored {
  readonly id: string;
  /** Meaningless in a page. */
  readonly score: number;
  readonly payload?: unknown;
}
const record = z.object({ id: z.string(), payload: z.unknown().optional(), vector: z.unknown().optional() });
/** A point that was read. */
export type Stored = z.infer<typeof record>;
const page = z.object({ points: z.array(record), next_page_offset: z.union([z.string(), z.null()]).optional() });
const counted = z.object({ count: z.int().nonnegative() });
const written = z.object({ status: z.string() });
const facets = z.object({ hits: z.array(z.object({ value: z.string(), count: z.int() })) });
const aliases = z.object({ aliases: z.array(z.object({ alias_name: z.string(), collection_name: z.string() })) });

/** The points of each search of a batch, as many as were asked for at most. @throws Error when the answer has another shape */
function scoredIn(result: unknown, searches: readonly Search[]): readonly (readonly Scored[])[] {
  if (!Array.isArray(result) || result.length !== searches.length) {
    throw new Error(`no answers to ${searches.length} searches`);
  }
  return searches.map(({ limit }, at) => {
    const points: unknown = result[at]?.points;
    if (!Array.isArray(points) || points.length > limit) throw new Error(`no answer of at most ${limit} points`);
    // Looked at one by one and not copied: there are thousands of them in every question.
    if (!points.every(isScored)) throw new Error("an answer with points that are none");
    return points;
  });
}

const isScored = (one: Partial<Scored> | null): one is Scored =>
  typeof one?.id === "string" && Number.isFinite(one.score);

/** An answer that cannot be used, or none: the cause goes to the log alone. */
export function unavailable(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return new AppError("index-unavailable", { retryAfterS: 1 }, { cause });
}

/**
 * The few requests that the index makes. What the server answers is checked for its shape; a write counts only when the server says that it
 * is completed. Any failure is an AppError `index-unavailable`, but for a request that was given up with its signal: that is `deadline-exceeded`.
 */
export class Server {
  readonly #options: ServerOptions;
  readonly #ways: Ways;
  readonly #signal: AbortSignal | undefined;
  /** How long the server itself is to work on a request, s. */
  readonly #timeout: number;

  constructor(options: ServerOptions, signal?: AbortSignal, ways: Ways = waysTo(options)) {
    this.#options = options;
    this.#ways = ways;
    this.#signal = signal;
    this.#timeout = Math.max(1, Math.ceil(options.timeoutMs / 1_000));
  }

  /** The same server for somebody who waits until the signal is aborted: requests under way are ended then, and further ones are not sent. */
  during(signal: AbortSignal | undefined): Server {
    return signal === undefined ? this : new Server(this.#options, signal, this.#ways);
  }

  async version(): Promise<string> {
    return this.#ask(
      async (api, end) => z.object({ version: z.string() }).parse((await api.root({}, end)).data).version,
    );
  }

  /** Points of each search, best first. In as few requests as the server takes: each search repeats a filter, which can be long. */
  async search(collection: string, searches: readonly Search[]): Promise<readonly (readonly Scored[])[]> {
    const found: (readonly Scored[])[] = [];
    for (const { json, part } of requestsOf(searches)) {
      const answered = await this.#ask(async (_, end) =>
        scoredIn(await this.#sent(collection, "points/query/batch", json, end), part),
      );
      found.push(...answered);
    }
    return found;
  }

  async count(collection: string, filter: Filter): Promise<number> {
    return this.#ask(async (api, end) => {
      const answered = await api.countPoints({ ...this.#of(collection), filter, exact: true }, end);
      return counted.parse(resultOf(answered)).count;
    });
  }

  /** One page of points in the order of their ids. */
  async scroll(
    collection: string,
    request: {
      readonly filter: Filter;
      readonly limit: number;
      readonly offset?: string | undefined;
      readonly with_payload: false | { readonly include: Some<string> };
    },
  ): Promise<{ readonly points: readonly Stored[]; readonly next: string | undefined }> {
    return this.#ask(async (api, end) => {
      const { limit, offset, filter, with_payload } = request;
      const from = offset === undefined ? {} : { offset };
      const given = { limit, ...from, filter, with_payload, with_vector: false };
      const answered = await api.scrollPoints({ ...this.#of(collection), ...given }, end);
      const { points, next_page_offset } = page.parse(resultOf(answered));
      return { points, next: next_page_offset ?? undefined };
    });
  }

  /** Points by id; those that are gone are left out. */
  async retrieve(
    collection: string,
    ids: readonly string[],
    include: Some<string>,
    vector: readonly string[] = [],
  ): Promise<readonly Stored[]> {
    const given = { ids, with_payload: { include }, with_vector: vector.length === 0 ? false : vector };
    return this.#ask(async (_, end) => z.array(record).parse(await this.#sent(collection, "points", given, end)));
  }

  /** Values of a keyword field, each with its number of points. */
  async facet(collection: string, key: string, filter: Filter, limit: number): Promise<readonly string[]> {
    return this.#ask(async (api, end) => {
      const answered = await api.facet({ ...this.#of(collection), key, limit, filter, exact: true }, end);
      return facets.parse(resultOf(answered)).hits.map((hit) => hit.value);
    });
  }

  /** Writes points that are not there yet; one that is there stays as it is. */
  async insert(collection: string, points: readonly Schemas["PointStruct"][]): Promise<void> {
    await this.#write((api, end) =>
      api.upsertPoints({ ...this.#of(collection), points: [...points], update_mode: "insert_only", wait: true }, end),
    );
  }

  async delete(collection: string, ids: readonly string[]): Promise<void> {
    await this.#write((api, end) => api.deletePoints({ ...this.#of(collection), points: [...ids], wait: true }, end));
  }

  /** Sets fields of the points that a filter over ids selects. */
  async setFields(collection: string, filter: Filter, payload: Record<string, unknown>): Promise<void> {
    await this.#write((api, end) => api.setPayload({ ...this.#of(collection), payload, filter, wait: true }, end));
  }

  /** The collection behind each alias. */
  async aliases(): Promise<ReadonlyMap<string, string>> {
    return this.#ask(async (api, end) => {
      const list = aliases.parse(resultOf(await api.getCollectionsAliases({}, end))).aliases;
      return new Map(list.map(({ alias_name, collection_name }) => [alias_name, collection_name]));
    });
  }

  async hasCollection(name: string): Promise<boolean> {
    return this.#ask(async (api, end) => {
      const answered = await api.collectionExists({ collection_name: name }, end);
      return z.object({ exists: z.boolean() }).parse(resultOf(answered)).exists;
    });
  }

  /** What the server says of a collection, unread. */
  async describe(collection: string): Promise<unknown> {
    return this.#ask(async (api, end) => resultOf(await api.getCollection({ collection_name: collection }, end)));
  }

  async create(collection: string, config: Schemas["CreateCollection"]): Promise<void> {
    await this.#ask(async (api, end) => {
      const answered = await api.createCollection({ ...this.#of(collection), ...config }, end);
      if (resultOf(answered) !== true) throw new Error(`the collection ${collection} was not made`);
    }, this.#makingMs);
  }

  /** Sets keys of what is noted of a collection's making; the others stay. */
  async setMetadata(collection: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask(async (api, end) => {
      const answered = await api.updateCollection({ ...this.#of(collection), metadata }, end);
      if (resultOf(answered) !== true) throw new Error(`${collection} was not changed`);
    });
  }

  async indexField(collection: string, name: string, schema: Schemas["PayloadFieldSchema"]): Promise<void> {
    await this.#write(
      (api, end) =>
        api.createFieldIndex({ ...this.#of(collection), field_name: name, field_schema: schema, wait: true }, end),
      this.#makingMs,
    );
  }

  async alias(alias: string, collection: string): Promise<void> {
    await this.#ask(async (api, end) => {
      const actions = [{ create_alias: { alias_name: alias, collection_name: collection } }];
      const answered = await api.updateAliases({ actions, timeout: this.#timeout }, end);
      if (resultOf(answered) !== true) throw new Error(`the alias ${alias} was not made`);
    }, this.#makingMs);
  }

  /** Making collections syncs a disk many times, and no question waits for it. */
  get #makingMs(): number {
    return Math.max(this.#options.timeoutMs, 30_000);
  }

  #of(collection: string) {
    return { collection_name: collection, timeout: this.#timeout };
  }

  async #sent(
    collection: string,
    what: string,
    body: unknown,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<unknown> {
    const path = `/collections/${encodeURIComponent(collection)}/${what}?timeout=${this.#timeout}`;
    return resultOf({ data: answerSchema.parse(await this.#ways.post.send(path, body, signal)) });
  }

  async #write(
    request: Request<{ readonly data: { readonly status?: unknown; readonly result?: unknown } }>,
    timeoutMs?: number,
  ): Promise<void> {
    await this.#ask(async (api, end) => {
      const { status } = written.parse(resultOf(await request(api, end)));
      // "acknowledged" and "wait_timeout" say that it may still be lost.
      if (status !== "completed") throw new Error(`a write ended as ${JSON.stringify(status)}`);
    }, timeoutMs);
  }

  async #ask<T>(request: Request<T>, timeoutMs = this.#options.timeoutMs): Promise<T> {
    const { onTrouble } = this.#options;
    assertTime(this.#signal);
    const ending = new AbortController();
    const end = () => ending.abort();
    const timer = setTimeout(end, timeoutMs);
    this.#signal?.addEventListener("abort", end, { once: true });
    try {
      // A redirect is an answer: the key, and the texts that are written, go nowhere else.
      return await request(this.#ways.api, { signal: ending.signal, redirect: "manual" });
    } catch (error) {
      // Ended by us: that says nothing about the server.
      assertTime(this.#signal);
      onTrouble();
      throw unavailable(ending.signal.aborted ? new Error(`no whole answer in ${timeoutMs} ms`) : error);
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener("abort", end);
    }
  }
}

/** What an answer holds, if it says of itself that all is well. */
function resultOf({ data }: { readonly data: { readonly status?: unknown; readonly result?: unknown } }): unknown {
  if (data.status !== undefined && data.status !== "ok") throw new Error("an answer says that something is wrong");
  return data.result;
}

/** An answer before what it holds is looked at. */
const answerSchema = z.object({ status: z.unknown().optional(), result: z.unknown().optional() });

type Request<T> = (api: Api, end: { readonly signal: AbortSignal; readonly redirect: "manual" }) => Promise<T>;
