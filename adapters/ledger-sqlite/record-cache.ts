import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type DocumentKey, type DocumentRecord, keyString } from "#core/document.ts";

/** Records kept; above it everything is forgotten and begins anew. */
const kept = 20_000;

/**
 * Records as long as nothing at all was written to the database, by anybody. What holds is decided by SQLite itself and not by those who write:
 * its count of rows that this connection has changed, and the number that changes with every commit of any other one. Both are asked before
 * each use, so a record that is given is the one in the row now.
 */
export class RecordCache {
  readonly #changedHere: StatementSync;
  readonly #changedElsewhere: StatementSync;
  #state = "";
  readonly #records = new Map<string, DocumentRecord | undefined>();

  constructor(database: DatabaseSync) {
    this.#changedHere = database.prepare("SELECT total_changes() AS changes");
    this.#changedElsewhere = database.prepare("PRAGMA data_version");
  }

  /**
   * The records of the keys, in their order; `undefined` for one that there is not.
   * @param read reads those that are not known, in their order, from the rows as they are now or later
   */
  take(
    keys: readonly DocumentKey[],
    read: (keys: readonly DocumentKey[]) => readonly (DocumentRecord | undefined)[],
  ): (DocumentRecord | undefined)[] {
    const state = `${this.#changedHere.get()?.changes} ${this.#changedElsewhere.get()?.data_version}`;
    if (state !== this.#state || this.#records.size + keys.length > kept) this.#records.clear();
    this.#state = state;
    const names = keys.map(keyString);
    const missing = keys.filter((_, place) => !this.#records.has(names[place] ?? ""));
    if (missing.length > 0) {
      // What was read after the question for the state may be newer than it says, never older; then the next question finds another state.
      const found = read(missing);
      for (const [place, key] of missing.entries()) this.#records.set(keyString(key), found[place]);
    }
    return names.map((name) => this.#records.get(name));
  }
}
