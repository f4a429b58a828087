import { type Schemas as ClientSchemas, QdrantClient } from "@qdrant/js-client-rest";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import type { Filter, Some } from "./filter.ts";
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

/** One search of a batch. Every one is inside a filter. */
export interface Search {
  readonly query: number[] | SparseVector | string;
  readonly using: string;
  readonly filter: Filter;
  readonly params?: { readonly exact?: boolean; readonly idf?: { readonly corpus: Filter } };
  readonly limit: number;
  readonly with_payload: false | { readonly include: Some<string> };
}

const point = z.object({ id: z.string(), score: z.number(), payload: z.unknown().optional() });
/** A point that a search found: its fields are still to be read. */
export type Scored = z.infer<typeof point>;
const scored = z.array(z.object({ points: z.array(point) }));
const record = z.object({ id: z.string(), payload: z.unknown().optional(), vector: z.unknown().optional() });
/** A point that was read. */
export type Stored = z.infer<typeof record>;
const page = z.object({ points: z.array(record), next_page_offset: z.union([z.string(), z.null()]).optional() });
const counted = z.object({ count: z.int().nonnegative() });
const written = z.object({ status: z.string() });
const facets = z.object({ hits: z.array(z.object({ value: z.string(), count: z.int() })) });
const aliases = z.object({ aliases: z.array(z.object({ alias_name: z.string(), collection_name: z.string() })) });

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
  readonly #onTrouble: () => void;

  constructor({ url, apiKey, timeoutMs, onTrouble }: ServerOptions) {
    this.#onTrouble = onTrouble;
    const { pathname } = new URL(url);
    this.#client = new QdrantClient({
      url,
      timeout: timeoutMs,
      // Asked for and judged by `checkVersion`: the client only prints a warning.
      checkCompatibility: false,
      ...(pathname === "/" ? {} : { prefix: pathname.replace(/\/$/, "") }),
      headers: {
        // A compressed answer leaves the server in two parts, the second of which waits for the acknowledgement of the first: 40 ms.
        "accept-encoding": "identity",
        // Not as `apiKey`, for which the client prints a warning on every plain connection.
        ...(apiKey === undefined ? {} : { "api-key": apiKey }),
      },
    });
  }

  async version(): Promise<string> {
    return this.#ask(async () => z.object({ version: z.string() }).parse(await this.#client.versionInfo()).version);
  }

  /** Points of each search, best first. */
  async search(collection: string, searches: readonly Search[]): Promise<readonly (readonly Scored[])[]> {
    return this.#ask(async () => {
      const answer = scored.parse(await this.#client.queryBatch(collection, { searches: [...searches] }));
      if (answer.length !== searches.length) throw new Error(`${answer.length} answers to ${searches.length} searches`);
      for (const [at, { points }] of answer.entries()) {
        const { limit = 0 } = searches[at] ?? {};
        if (points.length > limit) throw new Error(`${points.length} points where at most ${limit} were asked for`);
      }
      return answer.map(({ points }) => points);
    });
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
    return this.#ask(async () =>
      z.array(record).parse(
        await this.#client.retrieve(collection, {
          ids: [...ids],
          with_payload: { include },
          with_vector: vector.length === 0 ? false : [...vector],
        }),
      ),
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

  /** Sets keys of what is noted of a collection's making; the others stay. */
  async setMetadata(collection: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask(async () => {
      const isDone = await this.#client.updateCollection(collection, { metadata });
      if (isDone !== true) throw new Error(`${collection} was not changed`);
    });
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
