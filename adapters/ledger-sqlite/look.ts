import type { DatabaseSync } from "node:sqlite";
import { schemaVersion as indexSchemaVersion } from "#adapters/index-sqlite/schema.ts";
import { lookInto } from "#adapters/sqlite/look.ts";
import { probesSchemaVersion, readProbes } from "./probes.ts";
import { integerOf, textOf } from "./rows.ts";
import { activeSchemaVersion, ledgerSchemaVersion } from "./schema.ts";
import { isLagging } from "./statements.ts";

/** What lies in a ledger's file, read without changing it. */
export interface LedgerLook {
  /** Components whose tables another version of this program wrote, one line each: the service would not start. */
  readonly otherVersions: readonly string[];
  /** `null` before the first start was complete. */
  readonly active: string | null;
  /** Documents of all tenants, tombstones included. */
  readonly documents: number;
  readonly failed: number;
  /** Documents that are to be found, indexed or not: not deleted, and not failed. */
  readonly due: number;
  /** Documents that are to be indexed under a fingerprint and are not yet. */
  lagging(fingerprint: string): number;
  probes(fingerprint: string): ReadonlyMap<string, Float32Array>;
}

const versions: ReadonlyMap<string, number> = new Map([
  ["ledger", ledgerSchemaVersion],
  ["active-fingerprint", activeSchemaVersion],
  ["probes", probesSchemaVersion],
  ["index", indexSchemaVersion],
]);

/**
 * Looks into a ledger's file. Numbers and vectors are read for the given fingerprints only.
 * @throws LogLeftBehind; Error of `node:sqlite` for what is no database, or is damaged
 */
export function lookIntoLedger(file: string, fingerprints: readonly string[]): LedgerLook {
  return lookInto(file, (database) => {
    const tables = new Set(
      database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .all()
        .map((row) => textOf(row.name)),
    );
    const otherVersions = tables.has("components") ? otherVersionsIn(database) : [];
    const isReadable = otherVersions.length === 0;
    const has = (table: string): boolean => isReadable && tables.has(table);
    const hasDocuments = has("documents") && has("generations");
    const lagging = new Map(fingerprints.map((one) => [one, hasDocuments ? countLagging(database, one) : 0]));
    const read = has("probes") ? readProbes(database) : () => new Map<string, Float32Array>();
    const probes = new Map(fingerprints.map((one) => [one, read(one)]));
    return {
      otherVersions,
      active: has("active_fingerprint") ? activeIn(database) : null,
      documents: hasDocuments ? count(database, "SELECT count(*) AS n FROM documents") : 0,
      failed: hasDocuments ? count(database, "SELECT count(*) AS n FROM documents WHERE failed = 1") : 0,
      due: hasDocuments
        ? count(database, "SELECT count(*) AS n FROM documents WHERE wanted_generation IS NOT NULL AND failed = 0")
        : 0,
      lagging: (fingerprint) => lagging.get(fingerprint) ?? 0,
      probes: (fingerprint) => probes.get(fingerprint) ?? new Map(),
    };
  });
}

function otherVersionsIn(database: DatabaseSync): readonly string[] {
  return database
    .prepare("SELECT name, version FROM components ORDER BY name")
    .all()
    .flatMap((row) => {
      const [name, found] = [textOf(row.name), integerOf(row.version)];
      const wanted = versions.get(name);
      return wanted === undefined || wanted === found
        ? []
        : [`it holds version ${found} of "${name}", this program reads version ${wanted}`];
    });
}

function activeIn(database: DatabaseSync): string | null {
  const row = database.prepare("SELECT fingerprint FROM active_fingerprint").get();
  return row === undefined ? null : textOf(row.fingerprint);
}

function countLagging(database: DatabaseSync, fingerprint: string): number {
  return integerOf(
    database.prepare(`SELECT count(*) AS n FROM documents d WHERE ${isLagging}`).get({ fingerprint })?.n,
  );
}

const count = (database: DatabaseSync, sql: string): number => integerOf(database.prepare(sql).get()?.n);
