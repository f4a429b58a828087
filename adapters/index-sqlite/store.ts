import type { DatabaseSync } from "node:sqlite";
import { transaction } from "#adapters/sqlite/transaction.ts";
import type { ChunkText, IndexedGeneration, StoredEmbedding, TokenOutputs } from "#core/ports/index.ts";
import { keyBytes, storedEmbeddings } from "./embeddings.ts";
import { everything } from "./engine/load.ts";
import { pack } from "./engine/packed.ts";
import type { StoredGeneration } from "./engine/protocol.ts";
import { type GenerationRow, readGeneration, readStored } from "./engine/stored-rows.ts";
import { readTokens, tokensOfChunk } from "./engine/stored-tokens.ts";
import { vectorBytes } from "./engine/vectors.ts";
import { readText } from "./rows.ts";

/** The engine names generations by 32-bit numbers. */
const highestHandle = 2 ** 31 - 1;

/** The index's rows in SQLite. Every command is one transaction. */
export class IndexStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The database's file; `null` for one in memory. */
  get file(): string | null {
    return this.#database.location();
  }

  /** Every stored generation, without what it holds. */
  *generations(): Generator<GenerationRow> {
    for (const row of this.#database.prepare("SELECT * FROM index_generations").iterate()) yield readGeneration(row);
  }

  /** Every stored generation as the engine takes it. */
  *stored(): Generator<StoredGeneration> {
    for (const row of this.#database.prepare(everything).iterate()) yield readStored(row);
  }

  /** Stores a generation. @returns it as the engine takes it */
  insert(generation: IndexedGeneration, dimensions: number): StoredGeneration {
    const vectors = vectorBytes(generation.chunks.map((chunk) => chunk.vector));
    const packed = pack(generation.chunks);
    const handle = transaction(this.#database, () => {
      const row = this.#insertGeneration(generation, dimensions);
      this.#database
        .prepare("INSERT INTO index_memory (generation_id, vectors, packed) VALUES (?, ?, ?)")
        .run(row, vectors, packed);
      this.#insertChunks(generation, row);
      return row;
    });
    return { handle, fingerprint: generation.fingerprint, dimensions, vectors, packed };
  }

  /** Erases a generation with everything that belongs to it. */
  erase(handle: number): void {
    transaction(this.#database, () => {
      for (const table of ["index_token_outputs", "index_chunks", "index_memory"]) {
        this.#database.prepare(`DELETE FROM ${table} WHERE generation_id = ?`).run(handle);
      }
      this.#database.prepare("DELETE FROM index_generations WHERE id = ?").run(handle);
    });
  }

  /** Texts by chunk id, those of `fingerprint` first: another one may have cut the same generation otherwise. */
  texts(chunkIds: readonly string[], fingerprint: string): Map<string, ChunkText> {
    const statement = this.#database.prepare(
      `SELECT c.chunk_id, c.body, c.heading_path, c.start_char, c.end_char, c.tokens FROM index_chunks c
       JOIN index_generations g ON g.id = c.generation_id WHERE c.chunk_id = ?
       ORDER BY g.fingerprint = ? DESC, g.fingerprint LIMIT 1`,
    );
    const found = new Map<string, ChunkText>();
    for (const chunkId of chunkIds) {
      const row = statement.get(chunkId, fingerprint);
      if (row !== undefined) found.set(chunkId, readText(row));
    }
    return found;
  }

  /** Token outputs by chunk id, of `fingerprint` alone: those of another encoder could not be compared with its queries. */
  tokenOutputs(chunkIds: readonly string[], fingerprint: string): Map<string, TokenOutputs> {
    return readTokens(this.#database.prepare(tokensOfChunk), chunkIds, fingerprint);
  }

  /** What stored generations of a tenant hold under a fingerprint, by embedding key. */
  embeddings(tenant: string, fingerprint: string, keys: readonly string[]): Map<string, StoredEmbedding> {
    return storedEmbeddings(this.#database, tenant, fingerprint, keys);
  }

  #insertGeneration({ key, generation, fingerprint }: IndexedGeneration, dimensions: number): number {
    const { lastInsertRowid } = this.#database
      .prepare(
        "INSERT INTO index_generations (tenant, source, document, generation, fingerprint, dimensions) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(key.tenant, key.source, key.id, generation, fingerprint, dimensions);
    if (lastInsertRowid > highestHandle) throw new Error(`more than ${highestHandle} generations were written`);
    return Number(lastInsertRowid);
  }

  #insertChunks(generation: IndexedGeneration, row: number): void {
    const insert = this.#database.prepare(
      `INSERT INTO index_chunks (generation_id, chunk, chunk_id, body, heading_path, start_char, end_char, tokens, embedding_key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const insertOutputs = this.#database.prepare(
      "INSERT INTO index_token_outputs (generation_id, chunk, dimensions, vectors) VALUES (?, ?, ?, ?)",
    );
    for (const one of generation.chunks) {
      const { chunk, chunkId, text, headingPath, startChar, endChar, tokens, tokenOutputs, embeddingKey } = one;
      const key = embeddingKey === undefined ? null : keyBytes(embeddingKey);
      insert.run(row, chunk, chunkId, text, JSON.stringify(headingPath), startChar, endChar, tokens, key);
      if (tokenOutputs !== undefined) insertOutputs.run(row, chunk, tokenOutputs.dimensions, tokenOutputs.vectors);
    }
  }
}
