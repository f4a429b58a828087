import type { DatabaseSync } from "node:sqlite";
import { documentColumns, recordColumns } from "./rows.ts";

const keyIs = "tenant = ? AND source = ? AND id = ?";
// The wanted generation is not live under the fingerprint and has not failed. Whether it is settled under it is a hint that the
// index alone can give, without a look at the row; the last condition is exact.
const isUnsettled = `
  wanted_generation IS NOT NULL AND failed = 0
  AND instr(' ' || coalesce(settled_under, '') || ' ', ' ' || :fingerprint || ' ') = 0`;
const isNotLive = `
  NOT EXISTS (
    SELECT 1 FROM generations g
    WHERE g.tenant = d.tenant AND g.source = d.source AND g.id = d.id
      AND g.fingerprint = :fingerprint AND g.generation = d.wanted_generation AND g.state = 'live')`;
/** Where a document `d` is to be indexed under `:fingerprint` and is not. */
export const isLagging = `${isUnsettled} AND ${isNotLive}`;
// NULL, and so not true, where no copy was noted.
const copyLags = `
  EXISTS (
    SELECT 1 FROM json_each(d.live) l
    WHERE l.key = :fingerprint AND l.value ->> '$.indexedAccess' < d.access_revision)`;
const page = (where: string): string => `
  SELECT ${documentColumns} FROM documents d
  WHERE tenant = :tenant AND (:source IS NULL OR source = :source)
    AND (:afterSource IS NULL OR (source, id) > (:afterSource, :afterId)) AND (${where})
  ORDER BY tenant, source, id LIMIT :limit`;

/** Every statement of the ledger, prepared once. */
export function prepareStatements(database: DatabaseSync) {
  const placeholders = documentColumns.split(", ").map(() => "?");
  return {
    document: database.prepare(`SELECT ${recordColumns} FROM documents WHERE ${keyIs}`),
    saveDocument: database.prepare(
      `INSERT OR REPLACE INTO documents (${documentColumns}) VALUES (${placeholders.join(", ")})`,
    ),
    searchable: database.prepare(`SELECT ${documentColumns} FROM documents WHERE live <> '{}'`),
    body: database.prepare(`SELECT body FROM contents WHERE ${keyIs} AND generation = ?`),
    saveBody: database.prepare(
      "INSERT OR REPLACE INTO contents (tenant, source, id, generation, body) VALUES (?, ?, ?, ?, ?)",
    ),
    eraseBody: database.prepare(`DELETE FROM contents WHERE ${keyIs}`),

    stored: database.prepare(page("TRUE")),
    failed: database.prepare(page("failed = 1")),
    laggingOfTenant: database.prepare(page(isLagging)),
    lagging: database.prepare(
      `SELECT tenant, source, id FROM documents d WHERE ${isLagging} ORDER BY accepted_at, tenant, source, id LIMIT :limit`,
    ),
    // Two parts, for an index each; a document is in one of them at most.
    laggingWithCopies: database.prepare(
      `SELECT tenant, source, id, accepted_at FROM documents d WHERE ${isUnsettled} AND (${isNotLive} OR ${copyLags})
       UNION ALL SELECT tenant, source, id, accepted_at FROM documents d WHERE failed = 1 AND ${copyLags}
       ORDER BY accepted_at, tenant, source, id LIMIT :limit`,
    ),

    countLagging: database.prepare(`SELECT count(*) AS count FROM documents d WHERE tenant = :tenant AND ${isLagging}`),

    activeFingerprint: database.prepare("SELECT fingerprint FROM active_fingerprint"),
    activate: database.prepare("INSERT OR REPLACE INTO active_fingerprint (one, fingerprint) VALUES (1, ?)"),
    // `keep` is a JSON array.
    otherwiseIndexed: database.prepare(
      `SELECT DISTINCT tenant, source, id FROM generations
       WHERE state IN ('announced', 'live') AND fingerprint NOT IN (SELECT value FROM json_each(?)) LIMIT ?`,
    ),
    retireOthers: database.prepare(
      `UPDATE generations SET state = 'retired', retired_at = ? WHERE ${keyIs} AND state IN ('announced', 'live')
       AND fingerprint NOT IN (SELECT value FROM json_each(?))`,
    ),

    // One that was retired with its fingerprint is being written again: nobody may collect it now.
    announce: database.prepare(
      `INSERT INTO generations (tenant, source, id, fingerprint, generation, state) VALUES (?, ?, ?, ?, ?, 'announced')
       ON CONFLICT DO UPDATE SET state = 'announced', retired_at = NULL WHERE state <> 'live'`,
    ),
    isCollecting: database.prepare(
      `SELECT 1 FROM generations WHERE ${keyIs} AND fingerprint = ? AND generation = ? AND state = 'collecting'`,
    ),
    goLive: database.prepare(
      `INSERT INTO generations (tenant, source, id, fingerprint, generation, state) VALUES (?, ?, ?, ?, ?, 'live')
       ON CONFLICT DO UPDATE SET state = 'live', retired_at = NULL`,
    ),
    isHeld: database.prepare(
      `SELECT 1 FROM generations WHERE ${keyIs} AND fingerprint = ? AND generation = ? AND state IN ('announced', 'live')`,
    ),
    notLive: database.prepare(
      `UPDATE generations SET state = 'announced' WHERE ${keyIs} AND fingerprint = ? AND state = 'live'`,
    ),
    retireLive: database.prepare(
      `UPDATE generations SET state = 'retired', retired_at = ? WHERE ${keyIs} AND fingerprint = ? AND state = 'live'`,
    ),
    retireAnnounced: database.prepare(
      `UPDATE generations SET state = 'retired', retired_at = ? WHERE ${keyIs} AND state = 'announced'`,
    ),
    retireAll: database.prepare(
      `UPDATE generations SET state = 'retired', retired_at = ? WHERE ${keyIs} AND state IN ('announced', 'live')`,
    ),
    // A late worker may have written after the generation was handed out to be erased, or forgotten.
    retireAgain: database.prepare(
      `INSERT INTO generations (tenant, source, id, fingerprint, generation, state, retired_at)
       VALUES (?, ?, ?, ?, ?, 'retired', ?)
       ON CONFLICT DO UPDATE SET state = 'retired', retired_at = excluded.retired_at WHERE state <> 'live'`,
    ),
    collectable: database.prepare(
      `SELECT tenant, source, id, fingerprint, generation, retired_at FROM generations
       WHERE retired_at < ? ORDER BY retired_at, tenant, source, id, fingerprint, generation LIMIT ?`,
    ),
    handOut: database.prepare(
      `UPDATE generations SET state = 'collecting' WHERE ${keyIs} AND fingerprint = ? AND generation = ?`,
    ),
    collected: database.prepare(
      `DELETE FROM generations WHERE ${keyIs} AND fingerprint = ? AND generation = ? AND state = 'collecting'`,
    ),

    disable: database.prepare(
      "INSERT OR IGNORE INTO disabled_principals (tenant, principal, disabled_at) VALUES (?, ?, ?)",
    ),
    enable: database.prepare("DELETE FROM disabled_principals WHERE tenant = ? AND principal = ?"),
    disabled: database.prepare("SELECT tenant, principal FROM disabled_principals ORDER BY tenant, principal"),
    tenants: database.prepare("SELECT DISTINCT tenant FROM documents ORDER BY tenant"),
    isDisabled: database.prepare("SELECT 1 FROM disabled_principals WHERE tenant = ? AND principal = ?"),
  };
}

/** What {@link prepareStatements} gives. */
export type Statements = ReturnType<typeof prepareStatements>;
