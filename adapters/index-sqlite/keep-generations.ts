import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { transaction } from "#adapters/sqlite/transaction.ts";
import type { GenerationRef } from "#core/ports/ledger.ts";

const generationRow = z.object({
  id: z.int(),
  tenant: z.string(),
  source: z.string(),
  document: z.string(),
  generation: z.int(),
  fingerprint: z.string(),
});

/**
 * Erases every generation but the given ones, before the index is opened: for a copy of a data directory whose reader may know some
 * documents only. Never for a database in use.
 */
export function keepGenerations(database: DatabaseSync, kept: readonly GenerationRef[]): void {
  const name = (ref: GenerationRef) =>
    JSON.stringify([ref.key.tenant, ref.key.source, ref.key.id, ref.generation, ref.fingerprint]);
  const wanted = new Set(kept.map(name));
  const rows = database
    .prepare("SELECT * FROM index_generations")
    .all()
    .map((row) => generationRow.parse(row));
  transaction(database, () => {
    const erase = [
      database.prepare("DELETE FROM index_token_outputs WHERE generation_id = ?"),
      database.prepare("DELETE FROM index_chunks WHERE generation_id = ?"),
      database.prepare("DELETE FROM index_memory WHERE generation_id = ?"),
      database.prepare("DELETE FROM index_generations WHERE id = ?"),
    ];
    for (const { id, tenant, source, document, generation, fingerprint } of rows) {
      if (wanted.has(name({ key: { tenant, source, id: document }, generation, fingerprint }))) continue;
      for (const statement of erase) statement.run(id);
    }
  });
}
