import type { DatabaseSync } from "node:sqlite";
import { ensureSchema } from "#adapters/sqlite/schema.ts";
import { transaction } from "#adapters/sqlite/transaction.ts";
import { compareKeys, type DocumentKey, keyString } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type {
  ChunkText,
  IndexAnswer,
  IndexedGeneration,
  IndexQuery,
  SearchFilter,
  TokenOutputs,
  VectorIndex,
} from "#core/ports/index.ts";
import type { LiveDocuments } from "#core/ports/live-documents.ts";
import { checkGeneration, vectorProblem } from "./check.ts";
import {
  type MemoryChunk,
  readGeneration,
  readMemory,
  readText,
  readTokenOutputs,
  termsJson,
  vectorBytes,
} from "./rows.ts";
import { schema, schemaVersion } from "./schema.ts";
import { searchSpace } from "./search.ts";
import { Space } from "./space.ts";

/** What the index is built on. */
export interface SqliteIndexOptions {
  /** May be the ledger's own database; it is not closed by the index. */
  readonly database: DatabaseSync;
  /** Which generations a filter selects; asked anew for every search. */
  readonly live: LiveDocuments;
  /** The model in use. Generations of other fingerprints may lie beside its own and are searched only when asked for. */
  readonly model: { readonly fingerprint: string; readonly dimensions: number };
}

/**
 * Opens the embedded index: rows in SQLite, an exact scan in memory. Makes its tables at the first use and reads everything
 * into memory.
 * @throws AppError `index-unavailable`
 */
export async function openSqliteIndex(options: SqliteIndexOptions): Promise<VectorIndex> {
  return guarded(() => {
    ensureSchema(options.database, "index", schemaVersion, schema);
    const index = new SqliteIndex(options);
    index.load();
    return index;
  });
}

class SqliteIndex implements VectorIndex {
  readonly #database: DatabaseSync;
  readonly #live: LiveDocuments;
  readonly #model: SqliteIndexOptions["model"];
  readonly #spaces = new Map<string, Space>();
  #closed = false;

  constructor(options: SqliteIndexOptions) {
    this.#database = options.database;
    this.#live = options.live;
    this.#model = options.model;
  }

  /** Rebuilds what is kept in memory. */
  load(): void {
    const generations = this.#database.prepare("SELECT * FROM index_generations").all().map(readGeneration);
    const chunks = this.#database.prepare(
      "SELECT generation_id, chunk, chunk_id, vector, terms, term_count FROM index_chunks WHERE generation_id = ? ORDER BY chunk",
    );
    for (const row of generations) {
      const key = { tenant: row.tenant, source: row.source, id: row.document };
      const read: MemoryChunk[] = [];
      for (const chunk of chunks.iterate(row.id)) read.push(readMemory(chunk));
      for (const { chunk, vector } of read) {
        const problem = vectorProblem(vector, row.dimensions);
        if (problem !== undefined) throw new Error(`stored chunk ${chunk} of generation ${row.id}: ${problem}`);
      }
      this.#space(row.fingerprint, row.dimensions).add(refOf(key, row.generation), read);
    }
  }

  async write(generation: IndexedGeneration): Promise<void> {
    this.#run(() => {
      const ref = refOf(generation.key, generation.generation);
      // A generation is immutable: what is there is what was written.
      if (this.#spaces.get(generation.fingerprint)?.generation(ref) !== undefined) return;
      const dimensions = this.#dimensionsOf(generation);
      checkGeneration(generation, dimensions);
      transaction(this.#database, () => this.#insert(generation, dimensions));
      this.#space(generation.fingerprint, dimensions).add(ref, generation.chunks);
    });
  }

  async remove(key: DocumentKey, generation: number, fingerprint: string): Promise<void> {
    this.#run(() => {
      transaction(this.#database, () => {
        const row = this.#database
          .prepare(
            "SELECT * FROM index_generations WHERE tenant = ? AND source = ? AND document = ? AND generation = ? AND fingerprint = ?",
          )
          .get(key.tenant, key.source, key.id, generation, fingerprint);
        if (row === undefined) return;
        const { id } = readGeneration(row);
        this.#database.prepare("DELETE FROM index_token_outputs WHERE generation_id = ?").run(id);
        this.#database.prepare("DELETE FROM index_chunks WHERE generation_id = ?").run(id);
        this.#database.prepare("DELETE FROM index_generations WHERE id = ?").run(id);
      });
      this.#spaces.get(fingerprint)?.remove(refOf(key, generation));
    });
  }

  async search(query: IndexQuery): Promise<IndexAnswer> {
    return this.#run(() => {
      const refs = this.#live.select(query.fingerprint, query.filter);
      const space = this.#spaces.get(query.fingerprint);
      const dimensions = space?.dimensions ?? query.vector.length;
      const problem = vectorProblem(query.vector, dimensions);
      if (problem !== undefined) throw new Error(`query: ${problem}`);
      return searchSpace(space ?? new Space(dimensions), refs, query);
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

  async texts(chunkIds: readonly string[]): Promise<ReadonlyMap<string, ChunkText>> {
    return this.#run(() => {
      // Another fingerprint may have cut the same generation otherwise: its texts belong to its own vectors.
      const statement = this.#database.prepare(
        `SELECT c.chunk_id, c.body, c.heading_path, c.start_char, c.end_char, c.tokens FROM index_chunks c
         JOIN index_generations g ON g.id = c.generation_id WHERE c.chunk_id = ?
         ORDER BY g.fingerprint = ? DESC, g.fingerprint LIMIT 1`,
      );
      const found = new Map<string, ChunkText>();
      for (const chunkId of chunkIds) {
        const row = statement.get(chunkId, this.#model.fingerprint);
        if (row !== undefined) found.set(chunkId, readText(row));
      }
      return found;
    });
  }

  async tokenOutputs(chunkIds: readonly string[]): Promise<ReadonlyMap<string, TokenOutputs>> {
    return this.#run(() => {
      const statement = this.#database.prepare(
        `SELECT t.dimensions, t.vectors FROM index_chunks c
         JOIN index_generations g ON g.id = c.generation_id
         JOIN index_token_outputs t ON t.generation_id = c.generation_id AND t.chunk = c.chunk
         WHERE c.chunk_id = ? AND g.fingerprint = ?`,
      );
      const found = new Map<string, TokenOutputs>();
      for (const chunkId of chunkIds) {
        // Outputs of another encoder could not be compared with a query of this one.
        const row = statement.get(chunkId, this.#model.fingerprint);
        if (row !== undefined) found.set(chunkId, readTokenOutputs(row));
      }
      return found;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#spaces.clear();
  }

  #run<T>(work: () => T): T {
    if (this.#closed) throw new AppError("index-unavailable", {}, { cause: new Error("the index is closed") });
    return guarded(work);
  }

  #space(fingerprint: string, dimensions: number): Space {
    let space = this.#spaces.get(fingerprint);
    if (space === undefined) {
      space = new Space(dimensions);
      this.#spaces.set(fingerprint, space);
    }
    return space;
  }

  #dimensionsOf(generation: IndexedGeneration): number {
    if (generation.fingerprint === this.#model.fingerprint) return this.#model.dimensions;
    const known = this.#spaces.get(generation.fingerprint)?.dimensions;
    return known ?? generation.chunks[0]?.vector.length ?? this.#model.dimensions;
  }

  #insert(generation: IndexedGeneration, dimensions: number): void {
    const { key } = generation;
    const { lastInsertRowid } = this.#database
      .prepare(
        "INSERT INTO index_generations (tenant, source, document, generation, fingerprint, dimensions) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(key.tenant, key.source, key.id, generation.generation, generation.fingerprint, dimensions);
    const insert = this.#database.prepare(
      `INSERT INTO index_chunks (generation_id, chunk, chunk_id, body, heading_path, start_char, end_char, tokens, vector, terms,
       term_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const insertOutputs = this.#database.prepare(
      "INSERT INTO index_token_outputs (generation_id, chunk, dimensions, vectors) VALUES (?, ?, ?, ?)",
    );
    for (const chunk of generation.chunks) {
      const { tokenOutputs } = chunk;
      if (tokenOutputs !== undefined) {
        insertOutputs.run(lastInsertRowid, chunk.chunk, tokenOutputs.dimensions, tokenOutputs.vectors);
      }
      insert.run(
        lastInsertRowid,
        chunk.chunk,
        chunk.chunkId,
        chunk.text,
        JSON.stringify(chunk.headingPath),
        chunk.startChar,
        chunk.endChar,
        chunk.tokens,
        vectorBytes(chunk.vector),
        termsJson(chunk.terms),
        chunk.termCount,
      );
    }
  }
}

const refOf = (key: DocumentKey, generation: number): string => `${keyString(key)}@${generation}`;

/** Gives every failure below the one code that the port knows. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("index-unavailable", {}, { cause: error });
  }
}
