import { z } from "zod";
import type { DocumentRecord } from "#core/document.ts";
import { accessHash } from "#core/ingest/hash.ts";

/** What became of a document: `indexing` until the wanted content is live, `failed` when it cannot be. */
export const documentStates = ["searchable", "indexing", "failed", "deleted"] as const;

/** A document as the API shows it. For a mere reader everything but source, id, state and live_version is null. */
export const documentStatusSchema = z.strictObject({
  source: z.string(),
  id: z.string(),
  state: z.enum(documentStates),
  /** The accepted content version; the tombstone's for a deleted document. */
  version: z.int().nullable(),
  generation: z.int().nullable(),
  live_generation: z.int().nullable(),
  live_version: z.int().nullable(),
  /** Chunks of the live generation. */
  live_chunks: z.int().nullable(),
  access_revision: z.int().nullable(),
  /** SHA-256 (hex) as core/ingest/hash.ts computes them. */
  content_hash: z.string().nullable(),
  access_hash: z.string().nullable(),
  failure: z.strictObject({ code: z.string(), message: z.string(), failed_at: z.string() }).nullable(),
  accepted_at: z.string().nullable(),
  deleted_at: z.string().nullable(),
});
export type DocumentStatus = z.infer<typeof documentStatusSchema>;

/** The status for whoever may write on the document's source. */
export function writerStatus(record: DocumentRecord, fingerprint: string): DocumentStatus {
  const { wanted, tombstone, failure } = record;
  const live = record.live[fingerprint];
  const failed = wanted !== undefined && failure?.generation === wanted.generation ? failure : undefined;
  return {
    source: record.key.source,
    id: record.key.id,
    state: stateOf(record, fingerprint),
    version: wanted?.version ?? tombstone?.version ?? null,
    generation: wanted?.generation ?? null,
    live_generation: live?.generation ?? null,
    live_version: live?.version ?? null,
    live_chunks: live?.chunkCount ?? null,
    access_revision: record.accessRevision,
    content_hash: wanted?.contentHash ?? null,
    access_hash: wanted === undefined ? null : accessHash(record.access),
    failure: failed === undefined ? null : { code: failed.code, message: failed.message, failed_at: failed.failedAt },
    accepted_at: wanted?.acceptedAt ?? null,
    deleted_at: tombstone?.deletedAt ?? null,
  };
}

function stateOf(record: DocumentRecord, fingerprint: string): DocumentStatus["state"] {
  const { wanted } = record;
  if (wanted === undefined) return "deleted";
  if (record.live[fingerprint]?.generation === wanted.generation) return "searchable";
  return record.failure?.generation === wanted.generation ? "failed" : "indexing";
}

/** The status for a mere reader: the text that may be read is live, and nothing about newer content or about access is told. */
export function readerStatus(record: DocumentRecord, fingerprint: string): DocumentStatus {
  return {
    source: record.key.source,
    id: record.key.id,
    state: "searchable",
    version: null,
    generation: null,
    live_generation: null,
    live_version: record.live[fingerprint]?.version ?? null,
    live_chunks: null,
    access_revision: null,
    content_hash: null,
    access_hash: null,
    failure: null,
    accepted_at: null,
    deleted_at: null,
  };
}
