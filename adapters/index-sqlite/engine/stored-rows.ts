import type { SQLOutputValue } from "node:sqlite";
import type { DocumentKey } from "#core/document.ts";
import type { StoredGeneration } from "./protocol.ts";

type Row = Record<string, SQLOutputValue>;

/** A stored generation without what it holds. */
export interface GenerationRow {
  readonly handle: number;
  readonly key: DocumentKey;
  readonly generation: number;
  readonly fingerprint: string;
  readonly dimensions: number;
}

/** Checked by hand: a start reads as many as there are documents. @throws Error when the row is not one of ours */
export function readGeneration(row: Row): GenerationRow {
  const { tenant, source, document } = row;
  return {
    handle: positive(row.id),
    key: { tenant: text(tenant), source: text(source), id: text(document) },
    generation: positive(row.generation),
    fingerprint: text(row.fingerprint),
    dimensions: positive(row.dimensions),
  };
}

/** What the engine takes. @throws Error when the row is not one of ours */
export function readStored(row: Row): StoredGeneration {
  const { vectors, packed } = row;
  if (!(vectors instanceof Uint8Array) || !(packed instanceof Uint8Array)) {
    throw new Error(`generation ${String(row.id)} is stored without what is searched`);
  }
  return {
    handle: positive(row.id),
    fingerprint: text(row.fingerprint),
    dimensions: positive(row.dimensions),
    vectors,
    packed,
  };
}

function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== "string") throw new Error("a stored generation has a name that is not a text");
  return value;
}

function positive(value: SQLOutputValue | undefined): number {
  if (!Number.isSafeInteger(value) || !(Number(value) > 0)) throw new Error("a stored generation has a number below 1");
  return Number(value);
}
