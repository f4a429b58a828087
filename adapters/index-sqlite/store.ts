import type { DatabaseSync, StatementSync } from "node:sqlite";
import { reading, transaction } from "#adapters/sqlite/transaction.ts";
import type { SourceKey } from "#core/document.ts";
import type { ChunkText, IndexedChunk, IndexedGeneration, StoredEmbedding, TokenOutputs } from "#core/ports/index.ts";
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

/** Chunks of one transaction: few enough for requests to get their turn between two, and all that most documents have. */
const chunksPerSlice = 128;

/** The index's rows in SQLite. What is done step by step lets others have their turn between two steps. */
export class IndexStore {
  readonly #database: DatabaseSync;
  /** Prepared at its first use, when the tables are there. */
  #textOf: StatementSync | undefined;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The database's file; `null` for one in memory. */
  get file(): string | null {
    return this.#database.location();
  }

  /** Every generation that is stored whole, without what it holds. */
  *generations(): Generator<GenerationRow> {
    const whole = "SELECT * FROM index_generations WHERE id IN (SELECT generation_id FROM index_memory)";
    for (const row of this.#database.prepare(whole).iterate()) yield readGeneration(row);
  }

  /** Erases what an earlier process began to write or to erase and did not end. */
  eraseParts(): void {
    const parts = "SELECT id FROM index_generations WHERE id NOT IN (SELECT generation_id FROM index_memory)";
    for (const { id } of this.#database.prepare(parts).all()) {
      const steps = this.erase(Number(id));
      while (steps.next().done !== true);
    }
  }

  /** Every stored generation as the engine takes it. */
  *stored(): Generator<StoredGeneration> {
    for (const row of this.#database.prepare(everything).iterate()) yield readStored(row);
  }

  /**
   * Stores a generation, a slice of its chunks and one transaction at a time. It counts as stored only with the last slice, which
   * brings what is searched; whoever stops before has to erase what there is.
   * @yields the handle
   * @returns it as the engine takes it
   */
  *insert(generation: IndexedGeneration, dimensions: number): Generator<number, StoredGeneration> {
    const { chunks, fingerprint } = generation;
    const parts: Uint8Array[] = [];
    let handle = 0;
    for (let from = 0; from === 0 || from < chunks.length; from += chunksPerSlice) {
      if (from > 0) yield handle;
      const slice = chunks.slice(from, from + chunksPerSlice);
      parts.push(pack(slice));
      if (from + chunksPerSlice < chunks.length) {
        transaction(this.#database, () => {
          if (from === 0) handle = this.#insertGeneration(generation, dimensions);
          this.#insertChunks(slice, handle);
        });
        continue;
      }
      const vectors = vectorBytes(chunks.map((chunk) => chunk.vector));
      const packed = joined(parts);
      transaction(this.#database, () => {
        if (from === 0) handle = this.#insertGeneration(generation, dimensions);
        this.#insertChunks(slice, handle);
        this.#database
          .prepare("INSERT INTO index_memory (generation_id, vectors, packed) VALUES (?, ?, ?)")
          .run(handle, vectors, packed);
      });
      return { handle, fingerprint, dimensions, vectors, packed };
    }
    throw new Error("a generation was not stored");
  }

  /** Erases a generation with everything that belongs to it, in slices as well. From the first one on it does not count as stored. */
  *erase(handle: number): Generator<void> {
    const highest = this.#database
      .prepare("SELECT coalesce(max(chunk), -1) AS chunk FROM index_chunks WHERE generation_id = ?")
      .get(handle)?.chunk;
    for (let below = chunksPerSlice; ; below += chunksPerSlice) {
      const isLast = below > Number(highest);
      transaction(this.#database, () => {
        this.#database.prepare("DELETE FROM index_memory WHERE generation_id = ?").run(handle);
        for (const table of ["index_token_outputs", "index_chunks"]) {
          this.#database.prepare(`DELETE FROM ${table} WHERE generation_id = ? AND chunk < ?`).run(handle, below);
        }
        if (isLast) this.#database.prepare("DELETE FROM index_generations WHERE id = ?").run(handle);
      });
      if (isLast) return;
      yield;
    }
  }

  /** Texts by chunk id, of `fingerprint` alone: another one may have cut the same generation otherwise. */
  texts(chunkIds: readonly string[], fingerprint: string): Map<string, ChunkText> {
    this.#textOf ??= this.#database.prepare(
      `SELECT c.chunk_id, c.body, c.heading_path, c.start_char, c.end_char, c.tokens FROM index_chunks c
       JOIN index_generations g ON g.id = c.generation_id WHERE c.chunk_id = ? AND g.fingerprint = ?`,
    );
    const statement = this.#textOf;
    const found = new Map<string, ChunkText>();
    reading(this.#database, () => {
      for (const chunkId of chunkIds) {
        const row = statement.get(chunkId, fingerprint);
        if (row !== undefined) found.set(chunkId, readText(row));
      }
    });
    return found;
  }

  /** Token outputs by chunk id, of `fingerprint` alone: those of another encoder could not be compared with its queries. */
  tokenOutputs(chunkIds: readonly string[], fingerprint: string): Map<string, TokenOutputs> {
    return readTokens(this.#database.prepare(tokensOfChunk), chunkIds, fingerprint);
  }

  /** What stored generations of a source hold under a fingerprint, by embedding key. */
  embeddings(of: SourceKey, fingerprint: string, keys: readonly string[]): Map<string, StoredEmbedding> {
    return storedEmbeddings(this.#database, of, fingerprint, keys);
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

  #insertChunks(chunks: readonly IndexedChunk[], row: number): void {
    const insert = this.#database.prepare(
      `INSERT INTO index_chunks (generation_id, chunk, chunk_id, body, heading_path, start_char, end_char, tokens, embedding_key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const insertOutputs = this.#database.prepare(
      "INSERT INTO index_token_outputs (generation_id, chunk, dimensions, vectors) VALUES (?, ?, ?, ?)",
    );
    for (const one of chunks) {
      const { chunk, chunkId, text, headingPath, startChar, endChar, tokens, tokenOutputs, embeddingKey } = one;
      const key = embeddingKey === undefined ? null : keyBytes(embeddingKey);
      insert.run(row, chunk, chunkId, text, JSON.stringify(headingPath), startChar, endChar, tokens, key);
      if (tokenOutputs !== undefined) insertOutputs.run(row, chunk, tokenOutputs.dimensions, tokenOutputs.vectors);
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
