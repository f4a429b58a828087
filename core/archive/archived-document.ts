import { z } from "zod";
import type { DocumentRecord } from "../document.ts";
import { contentHash } from "../ingest/hash.ts";
import { storedAccess, storedTombstone, storedWanted } from "../ingest/record-schema.ts";
import { limits, sourcePattern } from "../limits.ts";

/**
 * Everything about a document that cannot be made again: its record without what an index made of it, and the accepted body, which a
 * tombstone has none of.
 */
export interface ArchivedDocument {
  readonly record: Omit<DocumentRecord, "live" | "failure">;
  readonly body: string | null;
}

const record = z.strictObject({
  key: z.strictObject({
    tenant: z.string().min(1),
    source: z.string().regex(sourcePattern),
    id: z.string().min(1).max(limits.documentIdBytes),
  }),
  wanted: storedWanted.optional(),
  access: storedAccess,
  accessRevision: z.int().nonnegative(),
  lastGeneration: z.int().nonnegative(),
  tombstone: storedTombstone.optional(),
});
const schema = z
  .strictObject({ record, body: z.string().nullable() })
  .refine(({ record: { wanted: content }, body }) => (content === undefined) === (body === null), {
    message: "a body belongs to wanted content, and to nothing else",
  })
  .refine(({ record: { wanted: content, tombstone } }) => (content === undefined) !== (tombstone === undefined), {
    message: "a document is either wanted or deleted",
  })
  .refine(({ record: { wanted: content, lastGeneration } }) => (content?.generation ?? 0) <= lastGeneration, {
    message: "a generation was never given out",
  })
  .refine(
    ({ record: { wanted: content }, body }) =>
      content === undefined || body === null || contentHash(content, body) === content.contentHash,
    { message: "the body is not the one that was accepted" },
  );

/** What of a record goes into an archive. */
export function archivedOf(stored: DocumentRecord, body: string | undefined): ArchivedDocument {
  const { live: _live, failure: _failure, ...kept } = stored;
  return { record: kept, body: stored.wanted === undefined ? null : (body ?? null) };
}

/**
 * Reads an archived document, its hash included.
 * @throws Error that says what is wrong, without repeating a text
 */
export function readArchived(value: unknown): ArchivedDocument {
  const read = schema.safeParse(value);
  if (read.success) return read.data as ArchivedDocument;
  const [issue] = read.error.issues;
  throw new Error(`${issue?.path.join(".") || "document"}: ${issue?.message ?? "not one"}`);
}

/**
 * What tells one state of a document from every other: the same string for the same content, access, generation, revision and tombstone. The
 * content hash stands for the body and all that is said about it.
 */
export function stateOf({
  key,
  wanted,
  access,
  accessRevision,
  lastGeneration,
  tombstone,
}: ArchivedDocument["record"]) {
  const content = wanted && [
    wanted.version,
    wanted.generation,
    wanted.contentHash,
    wanted.requestHash,
    wanted.acceptedAt,
  ];
  const { grants, denies, labels } = access;
  const deleted = tombstone && [tombstone.version, tombstone.deletedAt];
  const { tenant, source, id } = key;
  return `${JSON.stringify([tenant, source, id, content ?? null, grants, denies, labels, accessRevision, lastGeneration, deleted ?? null])}\n`;
}
