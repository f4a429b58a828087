import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** The file has a log that nobody has open: only a start, which may write, can put the two together. */
export class LogLeftBehind extends Error {
  constructor(file: string) {
    super(`${file}: its last owner was killed and its log is without its index; the next start puts them together`);
    this.name = "LogLeftBehind";
  }
}

/**
 * Reads a database file of this project without changing one byte beside or in it, while a service has it open or nobody has. An ordinary
 * read-only connection makes a log and its index where there are none.
 * @throws LogLeftBehind; Error of `node:sqlite` for a file that is no database or cannot be read; what the work throws
 */
export function lookInto<T>(file: string, work: (database: DatabaseSync) => T): T {
  const url = pathToFileURL(file);
  const sizeOf = (ending: string) => statSync(`${file}${ending}`, { throwIfNoEntry: false })?.size;
  // An empty log says nothing.
  if ((sizeOf("-wal") ?? 0) === 0 && sizeOf("-shm") === undefined) url.searchParams.set("immutable", "1");
  else if (sizeOf("-shm") === undefined) throw new LogLeftBehind(file);
  else url.searchParams.set("readonly_shm", "1");
  const database = new DatabaseSync(url, { readOnly: true, timeout: 500 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}
