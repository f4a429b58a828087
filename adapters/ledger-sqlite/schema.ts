/** Changes with every change of {@link ledgerSchema}. */
export const ledgerSchemaVersion = 1;

/** Changes with every change of {@link activeSchema}. */
export const activeSchemaVersion = 1;

/**
 * The active fingerprint, at most one row. A component of its own, so that a file that was made without it stays readable: there, the
 * fingerprint that most documents are live under is the one that questions were answered from.
 */
export const activeSchema = `
  CREATE TABLE active_fingerprint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    fingerprint TEXT NOT NULL
  ) STRICT;
  INSERT INTO active_fingerprint
    SELECT 1, fingerprint FROM generations WHERE state = 'live' GROUP BY fingerprint ORDER BY count(*) DESC, fingerprint LIMIT 1;
`;

/**
 * The ledger's tables. A document's id is stored as UTF-16BE bytes: compared byte by byte it sorts as `compareKeys` does (UTF-8
 * does not, beyond U+FFFF), and no two ids become one on the way. Times are ms since the epoch.
 */
export const ledgerSchema = `
  -- One row per document that was ever accepted; objects are JSON in the form of core/document.ts.
  CREATE TABLE documents (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    id BLOB NOT NULL,
    wanted TEXT,
    access TEXT NOT NULL,
    access_revision INTEGER NOT NULL,
    live TEXT NOT NULL,
    last_generation INTEGER NOT NULL,
    tombstone TEXT,
    failure TEXT,
    -- What the queries below need of the above. 'pending' and the like would lie: it depends on the fingerprint.
    wanted_generation INTEGER,
    accepted_at INTEGER,
    failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
    -- Fingerprints under which the wanted generation is live, with spaces between; NULL until it is live at all.
    settled_under TEXT,
    PRIMARY KEY (tenant, source, id)
  ) STRICT;
  CREATE INDEX documents_failed ON documents (tenant, source, id) WHERE failed = 1;
  CREATE INDEX documents_unsettled ON documents (settled_under, accepted_at)
    WHERE wanted_generation IS NOT NULL AND failed = 0;

  -- The content store: the accepted body of the wanted generation as UTF-8.
  CREATE TABLE contents (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, source, id)
  ) STRICT;

  -- What may lie in an index. 'collecting' is a retired one that was handed out to be erased.
  CREATE TABLE generations (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    id BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('announced', 'live', 'retired', 'collecting')),
    retired_at INTEGER,
    PRIMARY KEY (tenant, source, id, fingerprint, generation),
    CHECK ((state IN ('retired', 'collecting')) = (retired_at IS NOT NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX generations_retired ON generations (retired_at) WHERE retired_at IS NOT NULL;

  CREATE TABLE disabled_principals (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    disabled_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, principal)
  ) STRICT, WITHOUT ROWID;
`;
