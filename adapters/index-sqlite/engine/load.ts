import { DatabaseSync } from "node:sqlite";
import type { StoredGeneration } from "./protocol.ts";
import { readStored } from "./stored-rows.ts";

/** All that the engine needs of every generation that is stored whole, in the order of writing. */
export const everything = `SELECT g.id, g.fingerprint, g.dimensions, m.vectors, m.packed
  FROM index_generations g JOIN index_memory m ON m.generation_id = g.id ORDER BY g.id`;

/**
 * Reads a database file through a connection of its own: one statement, so one state of the file, whatever is written meanwhile.
 * @throws Error when a row is not one of ours
 */
export function* loadFile(file: string): Generator<StoredGeneration> {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    for (const row of database.prepare(everything).iterate()) yield readStored(row);
  } finally {
    database.close();
  }
}
