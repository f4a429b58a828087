import { createHash } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { CommandError } from "../terminal.ts";

/** SHA-256 as {@link sha256Of} writes it. */
export const sha256Pattern = /^[0-9a-f]{64}$/;

/** SHA-256 in hex. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Writes a file of this user alone, under another name first: a file of that name is whole. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const draft = `${path}.draft`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** Does the work; what it throws becomes a CommandError that names the place. */
export function reading<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CommandError(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
