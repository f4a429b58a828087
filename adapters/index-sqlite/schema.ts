/** Version of {@link schema}. */
export const schemaVersion = 3;

/**
 * Tables of the index. A chunk id names a chunk under every fingerprint, so it is unique only together with one. What a search needs
 * of a generation lies in one row, so that a start reads few and long ones; what is shown of a chunk, and its token outputs, lie
 * by chunk. What was embedded of a chunk is known by a hash only, which goes with it. A generation's number is never used twice: the engine knows it by that alone.
 */
export const schema = `
CREATE TABLE index_generations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  source TEXT NOT NULL,
  document TEXT NOT NULL,
  generation INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  dimensions INTEGER NOT NULL,
  UNIQUE (tenant, source, document, generation, fingerprint)
) STRICT;
CREATE TABLE index_memory (
  generation_id INTEGER PRIMARY KEY REFERENCES index_generations (id) ON DELETE CASCADE,
  vectors BLOB NOT NULL,
  packed BLOB NOT NULL
) STRICT;
CREATE TABLE index_chunks (
  generation_id INTEGER NOT NULL REFERENCES index_generations (id) ON DELETE CASCADE,
  chunk INTEGER NOT NULL,
  chunk_id TEXT NOT NULL,
  body TEXT NOT NULL,
  heading_path TEXT NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  embedding_key BLOB,
  PRIMARY KEY (generation_id, chunk)
) STRICT, WITHOUT ROWID;
CREATE INDEX index_chunks_by_id ON index_chunks (chunk_id);
CREATE INDEX index_chunks_by_embedding ON index_chunks (embedding_key) WHERE embedding_key IS NOT NULL;
CREATE TABLE index_token_outputs (
  generation_id INTEGER NOT NULL REFERENCES index_generations (id) ON DELETE CASCADE,
  chunk INTEGER NOT NULL,
  dimensions INTEGER NOT NULL,
  vectors BLOB NOT NULL,
  PRIMARY KEY (generation_id, chunk)
) STRICT;
`;
