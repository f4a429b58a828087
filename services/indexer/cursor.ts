import { z } from "zod";
import { AppError } from "#core/errors.ts";
import { limits, sourcePattern } from "#core/limits.ts";

/** The last document of the page before. */
export interface PageKey {
  readonly source: string;
  readonly id: string;
}

const cursorSchema = z.tuple([
  z.literal(1),
  z.string().regex(sourcePattern),
  z.string().min(1).max(limits.documentIdBytes),
]);

/** An opaque cursor. It names a document of the page that it came with, and so nothing that its reader has not seen. */
export function cursorOf(key: PageKey): string {
  return Buffer.from(JSON.stringify([1, key.source, key.id])).toString("base64url");
}

/** @throws AppError `invalid-request` for what {@link cursorOf} did not make. */
export function keyOfCursor(cursor: string): PageKey {
  const bytes = Buffer.from(cursor, "base64url");
  const parsed = cursorSchema.safeParse(jsonOf(bytes));
  if (!parsed.success || cursorOf({ source: parsed.data[1], id: parsed.data[2] }) !== cursor) {
    throw new AppError("invalid-request", { detail: "not a cursor of this service", pointer: "?cursor" });
  }
  return { source: parsed.data[1], id: parsed.data[2] };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
