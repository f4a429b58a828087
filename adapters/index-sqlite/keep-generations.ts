import type { DatabaseSync } from "node:sqlite";
import { transaction } from "#adapters/sqlite/transaction.ts";
import type { GenerationRef } from "#core/ports/ledger.ts";
import { readGeneration } from "./rows.ts";

/**
 * Erases every generation but the given ones, before the index is opened: for a copy of a data directory whose reader may know some
 * documents only. Never for a database in use.
 */
export function keepGenerations(database: DatabaseSync, kept: readonly GenerationRef[]): void {
  const name = (ref: GenerationRef) =>
    JSON.stringify([ref.key.tenant, ref.key.source, ref.key.id, ref.generation, ref.fingerprint]);
  const wanted = new Set(kept.map(name));
  const rows = database.prepare("SELECT * FROM index_generations").all().map(readGeneration);
  transaction(database, () => {
    const chunks = database.prepare("DELETE FROM index_chunks WHERE generation_id = ?");
    const generations = database.prepare("DELETE FROM index_generations WHERE id = ?");
    for (const { id, tenant, source, document, generation, fingerprint } of rows) {
      if (wanted.has(name({ key: { tenant, source, id: document }, generation, fingerprint }))) continue;
      chunks.run(id);
      generations.run(id);
    }
  });
}
