import type { DatabaseSync } from "node:sqlite";

/**
 * Runs synchronous work in one write transaction. When it returns, the commit is durable; when it throws, nothing happened.
 * The work must not be async: whatever it awaited would run outside the transaction.
 */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // Some failures (a full disk, for one) have rolled back already.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/**
 * Runs synchronous reads in one read transaction: they see one state of the file, the last one committed when the first of them runs, and the
 * log's locks are taken once and not for every statement, which costs more than finding a row.
 * The work must not be async, and must not write.
 */
export function reading<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN");
  try {
    return work();
  } finally {
    // Some failures have ended it already.
    if (database.isTransaction) database.exec("ROLLBACK");
  }
}
