import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** A data directory that cannot be made, or is none. The message is one line for a person. */
export class DataDirectoryUnusable extends Error {
  constructor(dir: string, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    super(`${dir} cannot be used as a data directory: ${reasons[code] ?? code}`, { cause });
    this.name = "DataDirectoryUnusable";
  }
}

const reasons: Readonly<Record<string, string>> = {
  EEXIST: "it is not a directory",
  ENOTDIR: "a part of the path is not a directory",
  ENOENT: "it cannot be made there (ENOENT)",
  EACCES: "access is denied (EACCES)",
  EPERM: "it belongs to somebody else (EPERM)",
  EROFS: "the file system is read-only (EROFS)",
};

/**
 * Makes a directory where it is missing, readable to its owner only (0700); one that was there before is made so.
 * @throws DataDirectoryUnusable
 */
export function makeDataDirectory(dir: string): void {
  try {
    make(dir);
    chmodSync(dir, 0o700);
  } catch (error) {
    throw new DataDirectoryUnusable(dir, error);
  }
}

/** Level by level: `mkdirSync` with `recursive` never comes back where a file system answers ENOENT below a directory, as /proc does. */
function make(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // Some systems complain about the parent of what is there already.
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return;
    if (code !== "ENOENT" || dirname(dir) === dir) throw error;
    make(dirname(dir));
    mkdirSync(dir, { mode: 0o700 });
  }
}
