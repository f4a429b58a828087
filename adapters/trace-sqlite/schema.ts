import type { DatabaseSync } from "node:sqlite";

/**
 * The steps from an empty file to the present one; step n makes version n of version n − 1. A step that was shipped is never changed.
 * Files of version 1 were written without a version of their own, so step 1 must pass over what is there already.
 */
const steps: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS traces (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     tenant TEXT NOT NULL,
     id TEXT NOT NULL,
     at INTEGER NOT NULL,
     trace BLOB NOT NULL,
     UNIQUE (tenant, id)
   ) STRICT;
   CREATE INDEX IF NOT EXISTS traces_at ON traces (at);`,
  // The trigger is the retention: whatever erases a trace erases what was said of it. "" stands for the whole answer.
  `CREATE TABLE feedback (
     tenant TEXT NOT NULL,
     retrieval TEXT NOT NULL,
     user TEXT NOT NULL,
     actors TEXT NOT NULL,
     source TEXT NOT NULL,
     document TEXT NOT NULL,
     judgement TEXT NOT NULL CHECK (judgement IN ('useful', 'wrong', 'outdated')),
     comment TEXT,
     at INTEGER NOT NULL,
     PRIMARY KEY (tenant, retrieval, user, actors, source, document)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX feedback_at ON feedback (tenant, at);
   CREATE TRIGGER feedback_goes_with_its_trace AFTER DELETE ON traces BEGIN
     DELETE FROM feedback WHERE tenant = OLD.tenant AND retrieval = OLD.id;
   END;`,
  "CREATE INDEX IF NOT EXISTS traces_of_tenant ON traces (tenant, sequence);",
];

/** The version of a trace file that this program writes, as `user_version`. */
export const traceFileVersion = steps.length;

/**
 * Brings a trace file to the present version, in one transaction.
 * @throws Error when a newer program wrote it: better no start than judgements that are silently left out
 */
export function migrate(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;");
  const found = Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  if (found > steps.length) {
    throw new Error(`the trace file has version ${found}, this program reads up to version ${steps.length}`);
  }
  if (found === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(found)) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
