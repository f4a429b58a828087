import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { backup, DatabaseSync } from "node:sqlite";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { databaseFile } from "./data-directory.ts";

// Copies hold what the data directory holds: gone when the process ends, also when it is told to stop in the middle.
const folders = new Set<string>();
const removeAll = () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
};
process.on("exit", removeAll);

/** A data directory that cannot be copied: there is none, or it cannot be read. */
export class SnapshotError extends Error {
  /** True when there is no data directory at the place that was named. */
  readonly isMissing: boolean;

  constructor(message: string, isMissing: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = "SnapshotError";
    this.isMissing = isMissing;
  }
}

/** A copy of a data directory's database as of one moment. */
export interface Snapshot {
  readonly database: DatabaseSync;
  /** Closes the copy and removes it. */
  close(): void;
}

/**
 * Copies ledger, content and index of a data directory, consistent as of one moment, into a folder of this user alone. A service
 * that runs on the directory goes on meanwhile.
 * @throws SnapshotError
 */
export async function openSnapshot(dataDir: string): Promise<Snapshot> {
  const file = databaseFile(dataDir);
  if (statSync(file, { throwIfNoEntry: false }) === undefined)
    throw new SnapshotError(`${dataDir} is no data directory`, true);
  // Made with mode 0700.
  const folder = mkdtempSync(join(tmpdir(), "reticent-copy-"));
  folders.add(folder);
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  try {
    const copy = join(folder, "copy.db");
    const source = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    try {
      await backup(source, copy);
    } finally {
      source.close();
    }
    const database = openDatabase(copy);
    return {
      database,
      close: () => {
        database.close();
        remove();
      },
    };
  } catch (cause) {
    remove();
    const why = cause instanceof Error ? cause.message : "";
    throw new SnapshotError(`cannot copy ${file}: ${why}`, false, { cause });
  }
}
