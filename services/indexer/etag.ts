import { AppError } from "#core/errors.ts";

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
