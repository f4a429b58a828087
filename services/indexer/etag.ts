import type { IncomingHttpHeaders } from "node:http";
import { AppError } from "#core/errors.ts";

/**
 * Refuses every condition that the route does not check: a write must not happen although its condition fails (RFC 9110, section 13.2.1).
 * @param checked the one that the route does check
 * @throws AppError `invalid-request`
 */
export function refuseConditions(headers: IncomingHttpHeaders, checked?: "if-match"): void {
  const names = {
    "if-match": "If-Match",
    "if-none-match": "If-None-Match",
    "if-unmodified-since": "If-Unmodified-Since",
  };
  for (const [header, name] of Object.entries(names)) {
    if (header === checked || headers[header] === undefined) continue;
    const hint =
      header === "if-none-match" && checked !== undefined ? '; If-Match: "0" writes only what does not exist yet' : "";
    throw new AppError("invalid-request", { detail: `${name} is not supported here${hint}`, pointer: name });
  }
}

/** The ETag of a status answer: the access revision. */
export const etagOf = (accessRevision: number): string => `"${accessRevision}"`;

/**
 * The access revision that an If-Match header expects; 0 = a document that does not exist yet.
 * @returns `undefined` without the header.
 * @throws AppError `invalid-request` for anything but one strong ETag of ours: a condition that cannot be checked must not pass.
 */
export function expectedRevision(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const digits = /^"(0|[1-9][0-9]{0,15})"$/.exec(header.trim())?.[1];
  const revision = digits === undefined ? Number.NaN : Number(digits);
  if (!Number.isSafeInteger(revision)) {
    throw new AppError("invalid-request", {
      detail: "If-Match: one access revision in double quotes",
      pointer: "If-Match",
    });
  }
  return revision;
}
