import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A data directory that this process owns until it releases it or ends, however it ends. */
export interface DataDirectoryLock {
  /** Gives the directory free; a second call does nothing. */
  release(): void;
}

/** Another process owns the data directory. The message is one line for a person. */
export class DataDirectoryInUse extends Error {
  constructor(dir: string) {
    super(`the data directory ${dir} is in use by another process: stop it first, or choose another directory`);
    this.name = "DataDirectoryInUse";
  }
}

/**
 * Takes a data directory for this process alone, making it where it is missing, readable to its owner only (0700). The lock is
 * an open exclusive transaction in a file of its own, so the system gives it back when the process dies: no stale lock file
 * has ever to be removed by hand.
 * @throws DataDirectoryInUse when another process (or another lock of this one) holds it
 * @throws Error of the file system when the directory cannot be made or made private
 */
export function lockDataDirectory(dir: string): DataDirectoryLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // A directory that was there before keeps its mode otherwise.
  chmodSync(dir, 0o700);
  const database = new DatabaseSync(join(dir, "lock.db"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) throw new DataDirectoryInUse(dir);
    throw error;
  }
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      database.close();
    },
  };
}

/** SQLITE_BUSY, or SQLITE_LOCKED for a connection of the same process. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 6);
}
