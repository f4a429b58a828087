import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { DocumentKey, DocumentRecord } from "#core/document.ts";
import { storedAccess, storedFailure, storedLive, storedTombstone, storedWanted } from "#core/ingest/record-schema.ts";
import { copyLags } from "#core/ingest/transitions.ts";
import type { GenerationRef } from "#core/ports/ledger.ts";
import { parseMemo } from "./parse-memo.ts";
import { RecordMemo } from "./record-memo.ts";

const readAccess = parseMemo(storedAccess);
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

/** The fingerprints, which hold no space themselves, under which the wanted generation is live and nothing is left to be done. */
function settledUnder(record: DocumentRecord): string | null {
  const current = Object.entries(record.live).filter(
    ([, generation]) => generation.generation === record.wanted?.generation && !copyLags(record, generation),
  );
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
    ...(row.wanted === null ? {} : { wanted: storedWanted.parse(jsonOf(row.wanted)) }),
    access: readAccess(textOf(row.access)),
    accessRevision: integerOf(row.access_revision),
    live: storedLive.parse(jsonOf(row.live)),
    lastGeneration: integerOf(row.last_generation),
    ...(row.tombstone === null ? {} : { tombstone: storedTombstone.parse(jsonOf(row.tombstone)) }),
    ...(row.failure === null ? {} : { failure: storedFailure.parse(jsonOf(row.failure)) }),
  }));
}

/** The primary key of a generation, in the order of the columns. */
export function generationValues(ref: GenerationRef): [string, string, Uint8Array, string, number] {
  return [...keyValues(ref.key), ref.fingerprint, ref.generation];
}

/** The generation in a row. */
export function generationOf(row: Row): GenerationRef {
  return { key: keyOf(row), fingerprint: textOf(row.fingerprint), generation: integerOf(row.generation) };
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
