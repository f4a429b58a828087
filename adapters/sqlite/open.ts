import { DatabaseSync } from "node:sqlite";

/**
 * Opens (and makes) a database file the way that everything durable here wants it: write-ahead log, an fsync with every commit,
 * deleted content overwritten, foreign keys checked.
 * @param file path, or `:memory:`
 * @throws Error of `node:sqlite`, which does not name the file, when it cannot be opened or is not a database
 */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      PRAGMA trusted_schema = OFF;
    `);
    database.enableDefensive(true);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/**
 * Moves the write-ahead log into the database file and empties it: until then the log may still hold text that was deleted.
 * Another connection that reads just now is waited for, for as long as the busy timeout; then the log stays for the next call.
 */
export function truncateLog(database: DatabaseSync): void {
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}
