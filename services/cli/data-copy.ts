import { SnapshotError } from "#services/ports/snapshot.ts";
import { CommandError, UsageError } from "./terminal.ts";

/** Waits for what opens a copy of a data directory. @throws UsageError when there is no data directory; CommandError when it cannot be read */
export async function ofCopy<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw error.isMissing ? new UsageError(error.message) : new CommandError(error.message, { cause: error });
  }
}
