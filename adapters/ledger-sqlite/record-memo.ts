import { type DocumentKey, type DocumentRecord, keyString } from "#core/document.ts";
import type { Row } from "./rows.ts";

/** Records kept: above it the one that was put in first is forgotten. */
const kept = 20_000;

interface Known {
  readonly record: DocumentRecord;
  readonly values: readonly unknown[];
}

/**
 * The record that a row was read as before, as long as every column of it is what it was then. The row is still read from the database every
 * time; only reading JSON again is saved, and the same columns always mean the same record.
 */
export class RecordMemo {
  readonly #known = new Map<string, Known>();

  /** @param read makes the record of a row that is not the one that was read last under the same key */
  take(key: DocumentKey, row: Row, read: () => DocumentRecord): DocumentRecord {
    const { wanted, access, access_revision, live, last_generation, tombstone, failure } = row;
    const name = keyString(key);
    const before = this.#known.get(name);
    // The texts are compared, not their hashes: that they are the same is all that this relies on.
    if (
      before !== undefined &&
      before.values[0] === wanted &&
      before.values[1] === access &&
      before.values[2] === access_revision &&
      before.values[3] === live &&
      before.values[4] === last_generation &&
      before.values[5] === tombstone &&
      before.values[6] === failure
    ) {
      return before.record;
    }
    const record = read();
    const values = [wanted, access, access_revision, live, last_generation, tombstone, failure];
    this.#known.set(name, { record, values });
    if (this.#known.size > kept) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return record;
  }
}
