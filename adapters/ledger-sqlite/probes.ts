import type { DatabaseSync } from "node:sqlite";
import { ensureSchema } from "#adapters/sqlite/schema.ts";
import { transaction } from "#adapters/sqlite/transaction.ts";
import { AppError } from "#core/errors.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import { textOf } from "./rows.ts";

/** Changes with every change of the table. */
export const probesSchemaVersion = 1;
const schema = `
  -- f32, little-endian.
  CREATE TABLE probes (
    fingerprint TEXT NOT NULL,
    probe TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (fingerprint, probe)
  ) STRICT;
`;

/** Probe vectors in the ledger's database, which is what a backup takes along with the documents' own. */
export function openSqliteProbes(database: DatabaseSync): ProbeStore {
  ensureSchema(database, "probes", probesSchemaVersion, schema);
  const read = readProbes(database);
  const insert = database.prepare("INSERT OR IGNORE INTO probes (fingerprint, probe, vector) VALUES (?, ?, ?)");
  return {
    read: async (fingerprint) => guarded(() => read(fingerprint)),
    keep: async (fingerprint, vectors) =>
      guarded(() =>
        transaction(database, () => {
          for (const [probe, vector] of vectors) insert.run(fingerprint, probe, bytesOf(vector));
        }),
      ),
  };
}

/** Reads the probe vectors of a fingerprint from a database that has the table, and writes nothing. */
export function readProbes(database: DatabaseSync): (fingerprint: string) => ReadonlyMap<string, Float32Array> {
  const select = database.prepare("SELECT probe, vector FROM probes WHERE fingerprint = ?");
  return (fingerprint) => new Map(select.all(fingerprint).map((row) => [textOf(row.probe), floatsOf(row.vector)]));
}

function bytesOf(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of vector.entries()) view.setFloat32(at * 4, value, true);
  return bytes;
}

function floatsOf(value: unknown): Float32Array {
  if (!(value instanceof Uint8Array) || value.length % 4 !== 0) throw new TypeError("a probe's vector is not one");
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Float32Array.from({ length: value.length / 4 }, (_, at) => view.getFloat32(at * 4, true));
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new AppError("ledger-unavailable", {}, { cause: error });
  }
}
