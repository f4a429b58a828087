import { DatabaseSync, type StatementSync } from "node:sqlite";
import { reading } from "#adapters/sqlite/transaction.ts";
import type { TokenOutputs } from "#core/ports/index.ts";
import type { MatchAnswer, MatchRequest } from "./protocol.ts";
import { TokenMatcher } from "./token-matcher.ts";

/** Token outputs of a chunk (id, fingerprint): those of another encoder could not be compared with its queries. */
export const tokensOfChunk = `SELECT t.dimensions, t.vectors FROM index_chunks c
  JOIN index_generations g ON g.id = c.generation_id
  JOIN index_token_outputs t ON t.generation_id = c.generation_id AND t.chunk = c.chunk
  WHERE c.chunk_id = ? AND g.fingerprint = ?`;

/** Runs {@link tokensOfChunk} for each id; what is gone is left out. @throws Error when a row is not one of ours */
export function readTokens(
  statement: StatementSync,
  chunkIds: readonly string[],
  fingerprint: string,
): Map<string, TokenOutputs> {
  const found = new Map<string, TokenOutputs>();
  for (const chunkId of chunkIds) {
    const row = statement.get(chunkId, fingerprint);
    if (row === undefined) continue;
    // Checked by hand: a thread that needs nothing else of a schema library starts sooner.
    const { dimensions, vectors } = row;
    if (typeof dimensions !== "number" || !(dimensions >= 1) || !(vectors instanceof Uint8Array)) {
      throw new Error(`the token outputs of chunk ${chunkId} are stored without their numbers`);
    }
    found.set(chunkId, { dimensions, vectors: new Int8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength) });
  }
  return found;
}

/** Matches a query with token outputs by chunk id. */
export function matchStored(
  matcher: TokenMatcher,
  query: TokenOutputs,
  stored: ReadonlyMap<string, TokenOutputs>,
): MatchAnswer {
  const matches = matcher.match(query, [...stored.values()]);
  return new Map([...stored.keys()].flatMap((chunkId, i) => (matches[i] ? [[chunkId, matches[i]]] : [])));
}

/** Token outputs in a database file, read through a connection of its own. They are far too many to be kept in memory. */
export class StoredTokens {
  readonly #database: DatabaseSync;
  readonly #statement: StatementSync;
  readonly #matcher = new TokenMatcher();

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    this.#statement = this.#database.prepare(tokensOfChunk);
  }

  match({ query, chunkIds, fingerprint }: MatchRequest): MatchAnswer {
    const stored = reading(this.#database, () => readTokens(this.#statement, chunkIds, fingerprint));
    return matchStored(this.#matcher, query, stored);
  }

  close(): void {
    this.#database.close();
  }
}
