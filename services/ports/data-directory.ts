import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataDirectoryUnusable, makeDataDirectory } from "#adapters/sqlite/data-directory.ts";
import { UnusableFile } from "#adapters/sqlite/file-error.ts";
import { type DataDirectoryLock, lockDataDirectory } from "#adapters/sqlite/lock.ts";
import { ConfigError } from "#services/config.ts";

/** The file of a data directory that holds ledger, content and index. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, "reticent.db");
}

/** The file of a data directory that holds traces and feedback. */
export function traceFile(dataDir: string): string {
  return join(dataDir, "traces.db");
}

/** What a person can do about a ledger file that cannot be used. */
export const ledgerAdvice = "restore the data directory from a backup, or move it away and send the documents again";

/** Takes the directory for this process alone. @throws DataDirectoryInUse, ConfigError, UnusableFile */
export function takeDataDirectory(dir: string): DataDirectoryLock {
  return namingSetting(() => lockDataDirectory(dir));
}

/** Makes the directory where it is missing; one that is there, read-only perhaps, stays as it is. @throws ConfigError */
export function shareDataDirectory(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) namingSetting(() => makeDataDirectory(dir));
}

function namingSetting<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw error instanceof DataDirectoryUnusable ? new ConfigError([`RETICENT_DATA: ${error.message}`]) : error;
  }
}

/**
 * The ledger's file, looked at before it is opened.
 * @throws UnusableFile for an empty ledger in a directory that was in use: SQLite would take it for a new one, and everything that was ever
 * acknowledged would be gone without a word.
 */
export function ledgerFileOf(dir: string): string {
  const file = databaseFile(dir);
  if (statSync(file, { throwIfNoEntry: false })?.size === 0 && existsSync(traceFile(dir))) {
    throw new UnusableFile(file, "the file is empty, although the directory was in use", ledgerAdvice);
  }
  return file;
}
