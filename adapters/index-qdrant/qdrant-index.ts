import { checkGeneration } from "#adapters/index-sqlite/check.ts";
import { vectorProblem } from "#adapters/index-sqlite/engine/vectors.ts";
import type { Access } from "#core/access/acl.ts";
import { compareKeys, type DocumentKey, type SourceKey } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type {
  ChunkText,
  IndexAnswer,
  IndexedGeneration,
  IndexQuery,
  IndexStand,
  NotedGeneration,
  PlacedGeneration,
  SearchFilter,
  StoredEmbedding,
  TokenOutputs,
  VectorIndex,
} from "#core/ports/index.ts";
import { Collections, type OpenCollections } from "./collections.ts";
import { listDocuments } from "./documents.ts";
import { storedEmbeddings } from "./embeddings.ts";
import { lackingOf } from "./lacking.ts";
import { outputsFields, readOutputs, readText, textFields } from "./points.ts";
import { nothingFound, searchCollection } from "./search.ts";
import { select } from "./select.ts";
import { Server, unavailable } from "./server.ts";
import { checkVersion } from "./version.ts";
import { placeAccess, removeGeneration, withdraw, writeGeneration } from "./writes.ts";

/** What the names of collections begin with, unless a deployment says otherwise. */
export const defaultPrefix = "reticent";

/** Where the index lies and how it is searched. */
export interface QdrantIndexOptions {
  readonly url: string;
  readonly apiKey?: string;
  /** What the names of this deployment's collections begin with; default `reticent`. */
  readonly prefix?: string;
  /** Names the ledger that the collections are filled from; those of another one are refused. Absent: not compared. */
  readonly ledger?: string;
  /**
   * True: collections are not searched until {@link VectorIndex.filled} says that they hold what is live. For whoever keeps the ledger elsewhere, which
   * may know more than collections that were made anew. Default false.
   */
  readonly awaitsFill?: boolean;
  /** The model in use, whose collections are made at the start. Other fingerprints get theirs at their first write. */
  readonly model: { readonly fingerprint: string; readonly dimensions: number };
  /** Longest time that one request to the server may take, ms; default 10,000. */
  readonly timeoutMs?: number;
  /**
   * Number of selected chunks above which the dense half is searched approximately, and non-interference is statistical; absent: never, every search
   * is exact. To be chosen before the first document: without it no graph is built.
   */
  readonly approximateAbove?: number;
}

/**
 * Opens the index on a Qdrant server, and makes and checks the model's collections.
 * @throws AppError `index-unavailable`, also for a server that is too old and for collections that are not as they have to be
 */
export async function openQdrantIndex(options: QdrantIndexOptions): Promise<VectorIndex> {
  const index = new QdrantIndex(options);
  await index.open();
  return index;
}

/** Chunks by id per request. */
const idBatch = 200;

class QdrantIndex implements VectorIndex {
  readonly isApproximate: boolean;
  readonly #server: Server;
  readonly #collections: Collections;
  readonly #options: QdrantIndexOptions;
  #isClosed = false;

  constructor(options: QdrantIndexOptions) {
    const { url, apiKey, timeoutMs = 10_000, prefix = defaultPrefix, approximateAbove } = options;
    const { ledger, awaitsFill = false } = options;
    this.#options = options;
    this.isApproximate = approximateAbove !== undefined;
    this.#server = new Server({
      url,
      timeoutMs,
      ...(apiKey === undefined ? {} : { apiKey }),
      onTrouble: () => this.#collections.forget(),
    });
    this.#collections = new Collections(this.#server, {
      prefix,
      approximate: this.isApproximate,
      awaitsFill,
      ...(ledger === undefined ? {} : { ledger }),
    });
  }

  async open(): Promise<void> {
    const { fingerprint, dimensions } = this.#options.model;
    return this.#run(async () => {
      checkVersion(await this.#server.version());
      const open = await this.#collections.ensure(fingerprint, dimensions);
      if (open.dimensions !== dimensions) {
        throw new Error(`${open.search} holds vectors of ${open.dimensions} dimensions, not of ${dimensions}`);
      }
    });
  }

  async write(generation: IndexedGeneration): Promise<void> {
    const { fingerprint, chunks } = generation;
    return this.#run(async () => {
      const known = await this.#collections.find(fingerprint);
      const dimensions = known?.dimensions ?? this.#dimensionsOf(generation);
      // Before anything is sent: the server takes a vector of zeros.
      checkGeneration(generation, dimensions);
      if (chunks.length === 0) return;
      await writeGeneration(this.#server, await this.#collections.ensure(fingerprint, dimensions), generation);
    });
  }

  async remove(key: DocumentKey, generation: number, fingerprint: string): Promise<void> {
    return this.#run(async () => {
      const open = await this.#collections.find(fingerprint);
      if (open !== undefined) await removeGeneration(this.#server, open, key, generation);
    });
  }

  async placeAccess(
    ref: PlacedGeneration,
    access: readonly [Access, ...Access[]],
    accessRevision: number,
  ): Promise<boolean> {
    return this.#run(async () => {
      const open = await this.#collections.find(ref.fingerprint);
      return open !== undefined && placeAccess(this.#server, open, ref, access, accessRevision);
    });
  }

  async withdraw(key: DocumentKey, below: number, fingerprint: string): Promise<void> {
    return this.#run(async () => {
      const open = await this.#collections.find(fingerprint);
      if (open !== undefined) await withdraw(this.#server, open, key, below);
    });
  }

  async search(query: IndexQuery, signal?: AbortSignal): Promise<IndexAnswer> {
    return this.#run(async () => {
      const open = await this.#toSearch(query.fingerprint);
      const problem = vectorProblem(query.vector, open?.dimensions ?? query.vector.length);
      if (problem !== undefined) throw new Error(`query: ${problem}`);
      if (open === undefined) return nothingFound(query.terms);
      const confirming = this.#collections.confirm(open, query.fingerprint);
      const searching =
        query.filter.visibility.kind === "nothing"
          ? nothingFound(query.terms)
          : searchCollection(this.#server.during(signal), open.search, query, this.#options.approximateAbove);
      const [answer] = await Promise.all([searching, confirming]);
      return answer;
    });
  }

  async lacking(fingerprint: string, generations: readonly NotedGeneration[]): Promise<readonly NotedGeneration[]> {
    return this.#run(async () => {
      const open = await this.#collections.find(fingerprint);
      return open === undefined ? generations : lackingOf(this.#server, open, generations);
    });
  }

  async stand(fingerprint: string): Promise<IndexStand | undefined> {
    return this.#run(() => this.#collections.stand(fingerprint));
  }

  async filled(fingerprint: string, instance: string): Promise<void> {
    return this.#run(() => this.#collections.filled(fingerprint, instance));
  }

  async documents(
    fingerprint: string,
    filter: SearchFilter,
    { after, limit }: { readonly after?: { readonly source: string; readonly id: string }; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<readonly DocumentKey[]> {
    return this.#run(async () => {
      const open = await this.#toSearch(fingerprint);
      if (open !== undefined) await this.#collections.confirm(open, fingerprint);
      const keys = open === undefined ? [] : await listDocuments(this.#server.during(signal), open.search, filter);
      const rest =
        after === undefined ? keys : keys.filter((key) => compareKeys(key, { tenant: key.tenant, ...after }) > 0);
      return rest.slice(0, limit);
    });
  }

  async holdsBack(fingerprint: string, filter: SearchFilter, chunks: number, signal?: AbortSignal): Promise<boolean> {
    return this.#run(async () => {
      const all = select({ ...filter, eligible: null }, []);
      if (filter.eligible === null || all === "nothing") return false;
      const open = await this.#toSearch(fingerprint);
      if (open === undefined) return false;
      const confirming = this.#collections.confirm(open, fingerprint);
      const [count] = await Promise.all([this.#server.during(signal).count(open.search, all), confirming]);
      return count !== chunks;
    });
  }

  async texts(
    chunkIds: readonly string[],
    fingerprint: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, ChunkText>> {
    return this.#run(async () => {
      const points = await this.#texts(chunkIds, fingerprint, textFields, signal);
      return new Map(points.map((point) => [point.id, readText(point)]));
    });
  }

  async tokenOutputs(
    chunkIds: readonly string[],
    fingerprint: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, TokenOutputs>> {
    return this.#run(async () => {
      const points = await this.#texts(chunkIds, fingerprint, outputsFields, signal);
      return new Map(
        points.flatMap((point) => {
          const outputs = readOutputs(point);
          return outputs === undefined ? [] : [[point.id, outputs]];
        }),
      );
    });
  }

  async embeddings(
    of: SourceKey,
    fingerprint: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredEmbedding>> {
    return this.#run(async () => {
      const open = await this.#collections.find(fingerprint);
      return open === undefined || keys.length === 0 ? new Map() : storedEmbeddings(this.#server, open, of, keys);
    });
  }

  async check(fingerprint: string): Promise<void> {
    return this.#run(async () => {
      const open = await this.#toSearch(fingerprint);
      if (open !== undefined) await this.#collections.look(open, fingerprint);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #texts(
    chunkIds: readonly string[],
    fingerprint: string,
    fields: typeof textFields,
    signal: AbortSignal | undefined,
  ) {
    const open = await this.#collections.find(fingerprint);
    const distinct = [...new Set(chunkIds)];
    if (open === undefined || distinct.length === 0) return [];
    const parts = Array.from({ length: Math.ceil(distinct.length / idBatch) }, (_, part) =>
      this.#server.during(signal).retrieve(open.texts, distinct.slice(part * idBatch, (part + 1) * idBatch), fields),
    );
    return (await Promise.all(parts)).flat();
  }

  #dimensionsOf({ fingerprint, chunks }: IndexedGeneration): number {
    const { model } = this.#options;
    return fingerprint === model.fingerprint ? model.dimensions : (chunks[0]?.vector.length ?? 0);
  }

  /** Of the model in use the collections were made at the start: a server without them has lost them, and has nothing to say. */
  async #toSearch(fingerprint: string): Promise<OpenCollections | undefined> {
    const open = await this.#collections.find(fingerprint);
    if (open === undefined && fingerprint === this.#options.model.fingerprint) {
      throw new Error("the collections of the model are gone");
    }
    return open;
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      if (this.#isClosed) throw new Error("the index is closed");
      return await work();
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(error);
    }
  }
}
