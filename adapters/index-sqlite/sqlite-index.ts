import type { DatabaseSync } from "node:sqlite";
import { ensureSchema } from "#adapters/sqlite/schema.ts";
import { compareKeys, type DocumentKey, keyString, type SourceKey } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import { nextTurn } from "#core/ingest/turns.ts";
import type {
  ChunkText,
  IndexAnswer,
  IndexedGeneration,
  IndexHit,
  IndexQuery,
  SearchFilter,
  StoredEmbedding,
  TokenOutputs,
  VectorIndex,
} from "#core/ports/index.ts";
import type { LiveDocuments, LiveRef } from "#core/ports/live-documents.ts";
import type { TokenMatches } from "#core/retrieval/late-interaction.ts";
import { checkGeneration } from "./check.ts";
import { EngineHost, type NamedSelection } from "./engine/host.ts";
import { inThread, type StartEngine } from "./engine/link.ts";
import { matchStored } from "./engine/stored-tokens.ts";
import { TokenMatcher } from "./engine/token-matcher.ts";
import { vectorProblem } from "./engine/vectors.ts";
import { schema, schemaVersion } from "./schema.ts";
import { IndexStore } from "./store.ts";

/** What the index is built on. */
export interface SqliteIndexOptions {
  /** May be the ledger's own database; it is not closed by the index. */
  readonly database: DatabaseSync;
  /** Which generations a filter selects; asked anew for every search. */
  readonly live: LiveDocuments;
  /** The model in use. Generations of other fingerprints may lie beside its own and are searched only when asked for. */
  readonly model: { readonly fingerprint: string; readonly dimensions: number };
  /** Where the engine runs; default: in a thread of its own. */
  readonly engine?: StartEngine;
}

/**
 * Opens the embedded index: rows in SQLite, an exact scan in memory. Makes its tables at the first use and reads everything
 * into memory. Whoever opens it closes it: its thread would stay otherwise.
 * @throws AppError `index-unavailable`
 */
export async function openSqliteIndex(options: SqliteIndexOptions): Promise<VectorIndex> {
  return guarded(async () => {
    ensureSchema(options.database, "index", schemaVersion, schema);
    const index = new SqliteIndex(options);
    await index.open();
    return index;
  });
}

/** The generations under one fingerprint that are stored. */
interface Stored {
  readonly dimensions: number;
  /** By {@link LiveRef.ref}. */
  readonly handles: Map<string, number>;
  /** Grows whenever `handles` changes. */
  revision: number;
}

class SqliteIndex implements VectorIndex {
  readonly #store: IndexStore;
  readonly #live: LiveDocuments;
  readonly #model: SqliteIndexOptions["model"];
  readonly #host: EngineHost;
  readonly #stored = new Map<string, Stored>();
  /** What a selection was translated to, as long as the stored generations are the same. */
  readonly #named = new WeakMap<
    readonly LiveRef[],
    { readonly revision: number; readonly selection: NamedSelection }
  >();
  /** Handles of what was begun to be written or erased and has not come to its end, by fingerprint and {@link LiveRef.ref}. */
  readonly #rests = new Map<string, number>();
  /** The last that is being done with a generation, by the same name. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #matcher = new TokenMatcher();
  #isClosed = false;

  constructor({ database, live, model, engine = inThread }: SqliteIndexOptions) {
    this.#store = new IndexStore(database);
    this.#live = live;
    this.#model = model;
    this.#host = new EngineHost(engine, this.#store);
  }

  async open(): Promise<void> {
    try {
      this.#store.eraseParts();
      for (const { handle, key, generation, fingerprint, dimensions } of this.#store.generations()) {
        this.#storedUnder(fingerprint, dimensions).handles.set(refOf(key, generation), handle);
      }
      await this.#host.open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async write(generation: IndexedGeneration): Promise<void> {
    const { key, fingerprint } = generation;
    const ref = refOf(key, generation.generation);
    const name = `${fingerprint} ${ref}`;
    await this.#alone(name, async () => {
      // A generation is immutable: what is there is what was written.
      if (this.#stored.get(fingerprint)?.handles.has(ref) === true) return;
      const dimensions = this.#dimensionsOf(generation);
      checkGeneration(generation, dimensions);
      await this.#eraseRest(name);
      const steps = this.#store.insert(generation, dimensions);
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) {
        this.#rests.set(name, step.value);
        await this.#turn();
      }
      this.#rests.delete(name);
      const stored = this.#storedUnder(fingerprint, dimensions);
      stored.handles.set(ref, step.value.handle);
      stored.revision += 1;
      this.#host.add(step.value);
    });
  }

  async remove(key: DocumentKey, generation: number, fingerprint: string): Promise<void> {
    const ref = refOf(key, generation);
    const name = `${fingerprint} ${ref}`;
    await this.#alone(name, async () => {
      const stored = this.#stored.get(fingerprint);
      const handle = stored?.handles.get(ref);
      if (stored !== undefined && handle !== undefined) {
        const isErased = this.#store.erase(handle).next().done === true;
        if (!isErased) this.#rests.set(name, handle);
        stored.handles.delete(ref);
        stored.revision += 1;
        this.#host.remove(handle, fingerprint);
      }
      await this.#eraseRest(name);
    });
  }

  async search(query: IndexQuery): Promise<IndexAnswer> {
    return this.#run(async () => {
      const { fingerprint, terms, limit, density = false } = query;
      // In the same turn as the message to the engine: what is selected now is searched in the state of now.
      const refs = this.#live.select(fingerprint, query.filter);
      const dimensions = this.#stored.get(fingerprint)?.dimensions ?? query.vector.length;
      const problem = vectorProblem(query.vector, dimensions);
      if (problem !== undefined) throw new Error(`query: ${problem}`);
      const request = { fingerprint, vector: query.vector.slice(), terms, limit, density };
      const { hits, ...answer } = await this.#host.search(this.#selectionOf(fingerprint, refs), request);
      return { ...answer, hits: hits.map(({ owner, ...hit }): IndexHit => ({ ...named(refs, owner), ...hit })) };
    });
  }

  async documents(
    fingerprint: string,
    filter: SearchFilter,
    page: { readonly after?: { readonly source: string; readonly id: string }; readonly limit: number },
  ): Promise<readonly DocumentKey[]> {
    return this.#run(() => {
      const { after } = page;
      const keys = this.#live.select(fingerprint, filter).map((ref) => ref.key);
      const rest =
        after === undefined ? keys : keys.filter((key) => compareKeys(key, { tenant: key.tenant, ...after }) > 0);
      return rest.slice(0, page.limit);
    });
  }

  async holdsBack(fingerprint: string, filter: SearchFilter): Promise<boolean> {
    return this.#run(() => {
      if (filter.eligible === null) return false;
      const selected = this.#live.select(fingerprint, filter).length;
      return this.#live.select(fingerprint, { ...filter, eligible: null }).length > selected;
    });
  }

  async texts(chunkIds: readonly string[], fingerprint: string): Promise<ReadonlyMap<string, ChunkText>> {
    return this.#run(() => this.#store.texts(chunkIds, fingerprint));
  }

  async tokenOutputs(chunkIds: readonly string[], fingerprint: string): Promise<ReadonlyMap<string, TokenOutputs>> {
    return this.#run(() => this.#store.tokenOutputs(chunkIds, fingerprint));
  }

  async matchTokens(
    query: TokenOutputs,
    chunkIds: readonly string[],
    fingerprint: string,
  ): Promise<ReadonlyMap<string, TokenMatches>> {
    return this.#run(() => {
      // No other thread can open a database in memory.
      if (this.#store.file !== null) {
        const { dimensions, vectors } = query;
        // Copied: a part of a larger array would be sent with all of it.
        return this.#host.match({ fingerprint, query: { dimensions, vectors: vectors.slice() }, chunkIds });
      }
      return matchStored(this.#matcher, query, this.#store.tokenOutputs(chunkIds, fingerprint));
    });
  }

  async embeddings(
    of: SourceKey,
    fingerprint: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredEmbedding>> {
    return this.#run(() => this.#store.embeddings(of, fingerprint, keys));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#host.close();
  }

  /** Erases what is left of a generation that was not written, or not erased, to its end. */
  async #eraseRest(name: string): Promise<void> {
    const handle = this.#rests.get(name);
    if (handle === undefined) return;
    const steps = this.#store.erase(handle);
    while (steps.next().done !== true) await this.#turn();
    this.#rests.delete(name);
  }

  /** Lets requests have their turn. @throws Error when the index was closed meanwhile: its database may be as well */
  async #turn(): Promise<void> {
    await nextTurn();
    if (this.#isClosed) throw new Error("the index is closed");
  }

  /** What is done with one generation is done one after the other; without something before it, at once. */
  async #alone(name: string, work: () => Promise<void>): Promise<void> {
    const before = this.#busy.get(name);
    const mine = (async () => {
      // Whether that succeeded concerns only the one who asked for it.
      if (before !== undefined) await before.catch(() => undefined);
      await this.#run(work);
    })();
    this.#busy.set(name, mine);
    try {
      await mine;
    } finally {
      if (this.#busy.get(name) === mine) this.#busy.delete(name);
    }
  }

  #run<T>(work: () => T | Promise<T>): Promise<T> {
    return guarded(() => {
      if (this.#isClosed) throw new Error("the index is closed");
      return work();
    });
  }

  #selectionOf(fingerprint: string, refs: readonly LiveRef[]): NamedSelection {
    const stored = this.#stored.get(fingerprint);
    const revision = stored?.revision ?? 0;
    const known = this.#named.get(refs);
    if (known !== undefined && known.revision === revision && known.selection.fingerprint === fingerprint) {
      return known.selection;
    }
    const handles = Int32Array.from(refs, (ref) => stored?.handles.get(ref.ref) ?? -1);
    const selection = { fingerprint, handles };
    this.#named.set(refs, { revision, selection });
    return selection;
  }

  #storedUnder(fingerprint: string, dimensions: number): Stored {
    let stored = this.#stored.get(fingerprint);
    if (stored === undefined) {
      stored = { dimensions, handles: new Map(), revision: 1 };
      this.#stored.set(fingerprint, stored);
    }
    return stored;
  }

  #dimensionsOf(generation: IndexedGeneration): number {
    if (generation.fingerprint === this.#model.fingerprint) return this.#model.dimensions;
    const known = this.#stored.get(generation.fingerprint)?.dimensions;
    return known ?? generation.chunks[0]?.vector.length ?? this.#model.dimensions;
  }
}

const refOf = (key: DocumentKey, generation: number): string => `${keyString(key)}@${generation}`;

function named(refs: readonly LiveRef[], owner: number): Pick<IndexHit, "key" | "generation"> {
  const ref = refs[owner];
  if (ref === undefined) throw new Error(`a hit belongs to document ${owner} of ${refs.length}`);
  return { key: ref.key, generation: ref.generation };
}

/** Gives every failure below the one code that the port knows. */
async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("index-unavailable", {}, { cause: error });
  }
}
