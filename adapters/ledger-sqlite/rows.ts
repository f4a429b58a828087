import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import type { Access, AccessToken } from "#core/access/acl.ts";
import { contentTypes, type DocumentKey, type DocumentRecord } from "#core/document.ts";
import { parseMemo } from "./parse-memo.ts";
import { RecordMemo } from "./record-memo.ts";

// What is read back decides who may read: a row that is not what was written is an error, never a guess.
const integer = z.int().nonnegative();
const token = z.custom<AccessToken>(
  (value) =>
    value === "everyone" || (typeof value === "string" && (value.startsWith("user:") || value.startsWith("group:"))),
);
const access: z.ZodType<Access> = z.strictObject({
  grants: z.array(token),
  denies: z.array(token),
  labels: z.array(z.string()),
});
const content = {
  version: integer,
  title: z.string(),
  url: z.string().nullable(),
  contentType: z.enum(contentTypes),
  quality: z.strictObject({
    authority: z.string().nullable(),
    reviewState: z.string().nullable(),
    updatedAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
    owner: z.string().nullable(),
    supersedes: z.array(z.strictObject({ source: z.string(), id: z.string() })),
  }),
};
const wanted = z.strictObject({
  ...content,
  contentHash: z.string(),
  requestHash: z.string(),
  generation: integer,
  acceptedAt: z.string(),
});
const live = z.record(
  z.string(),
  z.strictObject({ ...content, generation: integer, chunkCount: integer, access, publishedAt: z.string() }),
);
const tombstone = z.strictObject({ version: integer, deletedAt: z.string() });
const failure = z.strictObject({
  generation: integer,
  code: z.enum(["unreadable-body", "not-html", "no-text", "too-many-chunks", "indexing-failed"]),
  message: z.string(),
  failedAt: z.string(),
});

const readAccess = parseMemo(access);
const knownRecords = new RecordMemo();

/** A row as `node:sqlite` gives it. */
export type Row = Record<string, SQLOutputValue>;

/** A document id as the tables hold it. */
export function idBytes(id: string): Uint8Array {
  return Buffer.from(id, "utf16le").swap16();
}

/** The id behind {@link idBytes}. */
export function idOf(bytes: SQLOutputValue | undefined): string {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a document id is not a blob");
  return Buffer.from(bytes).swap16().toString("utf16le");
}

/** The primary key of a document. */
export function keyValues(key: DocumentKey): [string, string, Uint8Array] {
  return [key.tenant, key.source, idBytes(key.id)];
}

/** The key in a row's first columns. */
export function keyOf(row: Row): DocumentKey {
  return { tenant: textOf(row.tenant), source: textOf(row.source), id: idOf(row.id) };
}

/** What a record is made of beside its key. */
export const recordColumns = "wanted, access, access_revision, live, last_generation, tombstone, failure";

/** Columns of `documents` in the order of {@link recordValues}. */
export const documentColumns = `tenant, source, id, ${recordColumns}, wanted_generation, accepted_at, failed, settled_under`;

/** The row of a record. */
export function recordValues(record: DocumentRecord): SQLInputValue[] {
  const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
  return [
    ...keyValues(record.key),
    json(record.wanted),
    JSON.stringify(record.access),
    record.accessRevision,
    JSON.stringify(record.live),
    record.lastGeneration,
    json(record.tombstone),
    json(record.failure),
    record.wanted?.generation ?? null,
    record.wanted === undefined ? null : Date.parse(record.wanted.acceptedAt),
    record.failure === undefined ? 0 : 1,
    settledUnder(record),
  ];
}

/** The fingerprints under which the wanted generation is live, which hold no space themselves. */
function settledUnder({ wanted: goal, live: all }: DocumentRecord): string | null {
  const current = Object.entries(all).filter(([, generation]) => generation.generation === goal?.generation);
  return current.length === 0 ? null : current.map(([fingerprint]) => fingerprint).join(" ");
}

/**
 * The record in a row. The same row as before gives the same object: records are shared, and nobody may change them.
 * @param key of the document, where it is known without a look at the row
 * @throws when the row is not one that {@link recordValues} wrote
 */
export function recordOf(row: Row, key: DocumentKey = keyOf(row)): DocumentRecord {
  return knownRecords.take(key, row, () => ({
    key,
    ...(row.wanted === null ? {} : { wanted: wanted.parse(jsonOf(row.wanted)) }),
    access: readAccess(textOf(row.access)),
    accessRevision: integerOf(row.access_revision),
    live: live.parse(jsonOf(row.live)),
    lastGeneration: integerOf(row.last_generation),
    ...(row.tombstone === null ? {} : { tombstone: tombstone.parse(jsonOf(row.tombstone)) }),
    ...(row.failure === null ? {} : { failure: failure.parse(jsonOf(row.failure)) }),
  }));
}

/** A text column. */
export function textOf(value: SQLOutputValue | undefined): string {
  if (typeof value !== "string") throw new TypeError("a text column holds something else");
  return value;
}

/** An integer column. */
export function integerOf(value: SQLOutputValue | undefined): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw new TypeError("an integer column holds something else");
  return value;
}

function jsonOf(value: SQLOutputValue | undefined): unknown {
  return JSON.parse(textOf(value));
}
