/** A file of the data directory that the service cannot start with. The message is one line for a person: the path, why, what to do. */
export class UnusableFile extends Error {
  constructor(file: string, why: string, advice: string, options?: ErrorOptions) {
    super(`${file}: ${why}; ${advice}`, options);
    this.name = "UnusableFile";
  }
}

/**
 * Opens something that lies in a file, and names that file in whatever goes wrong: SQLite's own messages do not.
 * @param advice what a person can do about it, said after the reason
 * @throws UnusableFile
 */
export async function openingFile<T>(file: string, advice: string, open: () => T | Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw unusableFile(file, advice, error);
  }
}

/** What to throw when a file cannot be used because of an error; one that names its file already is passed on. */
export function unusableFile(file: string, advice: string, cause: unknown): UnusableFile {
  if (cause instanceof UnusableFile) return cause;
  // The ledger's errors carry the store's own as their cause.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new UnusableFile(file, reasonOf(inner), advice, { cause });
}

/** A parser's message would quote what is stored, and whatever else stands there now, into a log and a terminal. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return "a row is not what this program writes";
  return error instanceof Error ? error.message : "unknown error";
}
