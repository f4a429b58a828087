import type { DatabaseSync } from "node:sqlite";
import { ensureSchema } from "#adapters/sqlite/schema.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { LiveDocuments } from "#core/ports/live-documents.ts";
import { LiveColumns, type LiveColumnsOptions } from "./live-columns.ts";
import { recordOf } from "./rows.ts";
import { activeSchema, activeSchemaVersion, ledgerSchema, ledgerSchemaVersion } from "./schema.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { prepareStatements } from "./statements.ts";

/** Settings of {@link openSqliteLedger}. Those of {@link LiveColumnsOptions} are for guard-removal tests alone. */
export interface SqliteLedgerOptions extends LiveColumnsOptions {
  /** From `openDatabase`; whoever opened it closes it, after the ledger. Other components may keep their tables in it. */
  readonly database: DatabaseSync;
  readonly clock: Clock;
}

/**
 * The ledger in one SQLite file, with its view of what is live in memory. `read` looks at the rows (at what they held, as long as SQLite
 * says that nothing at all was written since) and `live.select` at memory: two layers that do not share a mistake.
 * @throws Error when the file was written by another version or holds a row that is not a record
 */
export async function openSqliteLedger(
  options: SqliteLedgerOptions,
): Promise<Ledger & LedgerArchive & { live: LiveDocuments }> {
  const { database, clock } = options;
  ensureSchema(database, "ledger", ledgerSchemaVersion, ledgerSchema);
  ensureSchema(database, "active-fingerprint", activeSchemaVersion, activeSchema);
  const statements = prepareStatements(database);
  const columns = new LiveColumns(options);
  for (const row of statements.searchable.iterate()) columns.apply(recordOf(row));
  return new SqliteLedger({ database, clock, statements, columns });
}
