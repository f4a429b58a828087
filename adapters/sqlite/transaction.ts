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
