import { type Schemas as ClientSchemas, QdrantClient } from "@qdrant/js-client-rest";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import type { Filter, Some } from "./filter.ts";
import { Post } from "./post.ts";
import type { SparseVector } from "./terms.ts";

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
const records = z.object({ result: z.array(record) });
const page = z.object({ points: z.array(record), next_page_offset: z.union([z.string(), z.null()]).optional() });
const counted = z.object({ count: z.int().nonnegative() });
const written = z.object({ status: z.string() });
const facets = z.object({ hits: z.array(z.object({ value: z.string(), count: z.int() })) });
const aliases = z.object({ aliases: z.array(z.object({ alias_name: z.string(), collection_name: z.string() })) });

/** The points of each search of a batch, as many as were asked for at most. @throws Error when the answer has another shape */
function scoredIn(answer: unknown, searches: readonly Search[]): readonly (readonly Scored[])[] {
  const { result } = answer as { readonly result?: unknown };
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
 * is completed. Any failure is an AppError `index-unavailable`.
 */
export class Server {
  readonly #client: QdrantClient;
  /** For what every question asks. */
  readonly #post: Post;
  readonly #timeoutMs: number;
  readonly #onTrouble: () => void;

  constructor({ url, apiKey, timeoutMs, onTrouble }: ServerOptions) {
    this.#onTrouble = onTrouble;
    this.#timeoutMs = timeoutMs;
    const { pathname } = new URL(url);
    const headers = {
      // A compressed answer leaves the server in two parts, the second of which waits for the acknowledgement of the first: 40 ms.
      "accept-encoding": "identity",
      // Not as `apiKey`, for which the client prints a warning on every plain connection.
      ...(apiKey === undefined ? {} : { "api-key": apiKey }),
    };
    this.#post = new Post({ url, headers });
    this.#client = new QdrantClient({
      url,
      timeout: timeoutMs,
      // Asked for and judged by `checkVersion`: the client only prints a warning.
      checkCompatibility: false,
      ...(pathname === "/" ? {} : { prefix: pathname.replace(/\/$/, "") }),
      headers,
    });
  }

  async version(): Promise<string> {
    return this.#ask(async () => z.object({ version: z.string() }).parse(await this.#client.versionInfo()).version);
  }

  /** Points of each search, best first. */
  async search(collection: string, searches: readonly Search[]): Promise<readonly (readonly Scored[])[]> {
    return this.#ask(async () => scoredIn(await this.#sent(collection, "points/query/batch", { searches }), searches));
  }

  async count(collection: string, filter: Filter): Promise<number> {
    return this.#ask(async () => counted.parse(await this.#client.count(collection, { filter, exact: true })).count);
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
    return this.#ask(async () => {
      const { offset, ...rest } = request;
      const { points, next_page_offset } = page.parse(
        await this.#client.scroll(collection, { ...rest, ...(offset === undefined ? {} : { offset }) }),
      );
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
    return this.#ask(
      async () =>
        records.parse(
          await this.#sent(collection, "points", {
            ids,
            with_payload: { include },
            with_vector: vector.length === 0 ? false : vector,
          }),
        ).result,
    );
  }

  /** Values of a keyword field, each with its number of points. */
  async facet(collection: string, key: string, filter: Filter, limit: number): Promise<readonly string[]> {
    return this.#ask(async () =>
      facets
        .parse(await this.#client.facet(collection, { key, filter, limit, exact: true }))
        .hits.map((hit) => hit.value),
    );
  }

  /** Writes points that are not there yet; one that is there stays as it is. */
  async insert(collection: string, points: readonly Schemas["PointStruct"][]): Promise<void> {
    await this.#write(() =>
      this.#client.upsert(collection, { points: [...points], update_mode: "insert_only", wait: true }),
    );
  }

  async delete(collection: string, ids: readonly string[]): Promise<void> {
    await this.#write(() => this.#client.delete(collection, { points: [...ids], wait: true }));
  }

  /** Sets fields of the points that a filter over ids selects. */
  async setFields(collection: string, filter: Filter, payload: Record<string, unknown>): Promise<void> {
    await this.#write(() => this.#client.setPayload(collection, { filter, payload, wait: true }));
  }

  /** The collection behind each alias. */
  async aliases(): Promise<ReadonlyMap<string, string>> {
    return this.#ask(async () => {
      const list = aliases.parse(await this.#client.getAliases()).aliases;
      return new Map(list.map(({ alias_name, collection_name }) => [alias_name, collection_name]));
    });
  }

  async hasCollection(name: string): Promise<boolean> {
    return this.#ask(
      async () => z.object({ exists: z.boolean() }).parse(await this.#client.collectionExists(name)).exists,
    );
  }

  /** What the server says of a collection, unread. */
  async describe(collection: string): Promise<unknown> {
    return this.#ask(() => this.#client.getCollection(collection));
  }

  async create(collection: string, config: Schemas["CreateCollection"]): Promise<void> {
    await this.#ask(() => this.#client.createCollection(collection, config));
  }

  async indexField(collection: string, name: string, schema: Schemas["PayloadFieldSchema"]): Promise<void> {
    await this.#write(() =>
      this.#client.createPayloadIndex(collection, { field_name: name, field_schema: schema, wait: true }),
    );
  }

  async alias(alias: string, collection: string): Promise<void> {
    await this.#ask(async () => {
      const isDone = await this.#client.updateCollectionAliases({
        actions: [{ create_alias: { alias_name: alias, collection_name: collection } }],
      });
      if (isDone !== true) throw new Error(`the alias ${alias} was not made`);
    });
  }

  #sent(collection: string, what: string, body: unknown): Promise<unknown> {
    const path = `/collections/${encodeURIComponent(collection)}/${what}`;
    return this.#post.send(path, body, AbortSignal.timeout(this.#timeoutMs));
  }

  async #write(request: () => Promise<unknown>): Promise<void> {
    await this.#ask(async () => {
      const { status } = written.parse(await request());
      // "acknowledged" and "wait_timeout" say that it may still be lost.
      if (status !== "completed") throw new Error(`a write ended as ${JSON.stringify(status)}`);
    });
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      this.#onTrouble();
      throw unavailable(error);
    }
  }
}
