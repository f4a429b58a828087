import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeDataDirectory } from "./data-directory.ts";
import { unusableFile } from "./file-error.ts";

/** A data directory that this process owns until it releases it or ends, however it ends. */
export interface DataDirectoryLock {
  /** Gives the directory free; a second call does nothing. */
  release(): void;
}

/** Longer than anybody looks whether a directory is in use ({@link isDirectoryInUse}): a start must not be refused because of that, ms. */
const glanceMs = 100;

/** The open locks of this process. A database that nothing refers to is collected, and its lock goes with it. */
const held = new Set<DatabaseSync>();

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
 * @throws DataDirectoryUnusable when the directory cannot be made or made private
 * @throws UnusableFile when the lock's own file is damaged
 */
export function lockDataDirectory(dir: string): DataDirectoryLock {
  makeDataDirectory(dir);
  const file = join(dir, "lock.db");
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: glanceMs });
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw new DataDirectoryInUse(dir);
    throw unusableFile(file, "remove it, nothing is kept in it", error);
  }
  const owned = database;
  held.add(owned);
  return {
    release() {
      if (held.delete(owned)) owned.close();
    },
  };
}

/**
 * Whether somebody owns a data directory, without taking it and without writing anything.
 * @returns false also for a directory that nobody ever took
 * @throws Error of `node:sqlite` when the lock's own file is damaged or cannot be read
 */
export function isDirectoryInUse(dir: string): boolean {
  const file = join(dir, "lock.db");
  if (!existsSync(file)) return false;
  const database = new DatabaseSync(file, { readOnly: true, timeout: 0 });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

/** SQLITE_BUSY, or SQLITE_LOCKED for a connection of the same process. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 6);
}
