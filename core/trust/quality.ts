import { z } from "zod";
import { limits, sourcePattern } from "../limits.ts";
import { isOneLine, notOneLine } from "../one-line.ts";

/** An instant as ISO 8601 with time and offset, or a calendar date (read as midnight UTC); normalised to UTC. */
export const instantSchema = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .transform((text) => new Date(text).toISOString())
  // An offset can move a date out of the years that ISO 8601 writes with four digits, and other readers refuse more.
  .refine((text) => /^\d{4}-/.test(text), "a date from year 0000 to 9999, in UTC");

/** A replaced document: an id in the same source, or a source and an id. */
const replacedSchema = z.strictObject({
  source: z.string().regex(sourcePattern),
  id: z.string().min(1).max(limits.documentIdBytes),
});

/** Quality metadata as a request carries it. Everything may be absent; the gates decide what absence means. */
export const qualityInputSchema = z.strictObject({
  /** An authority tier of trust.yaml. It can lower the source's tier for this document, never raise it. */
  authority: z.string().min(1).max(64).optional(),
  review_state: z.string().min(1).max(64).optional(),
  updated_at: instantSchema.optional(),
  expires_at: instantSchema.optional(),
  owner: z.string().min(1).max(limits.ownerChars).refine(isOneLine, notOneLine).optional(),
  supersedes: z
    .array(z.union([z.string().min(1).max(limits.documentIdBytes), replacedSchema]))
    .max(limits.supersedes)
    .optional(),
});
export type QualityInput = z.infer<typeof qualityInputSchema>;

/** Quality metadata as the ledger keeps it: every key present, so that equal quality is equal JSON. Instants are UTC ISO 8601. */
export interface Quality {
  readonly authority: string | null;
  readonly reviewState: string | null;
  readonly updatedAt: string | null;
  readonly expiresAt: string | null;
  readonly owner: string | null;
  readonly supersedes: readonly { readonly source: string; readonly id: string }[];
}

/** Canonical quality of a document of `source`. */
export function qualityOf(input: QualityInput, source: string): Quality {
  return {
    authority: input.authority ?? null,
    reviewState: input.review_state ?? null,
    updatedAt: input.updated_at ?? null,
    expiresAt: input.expires_at ?? null,
    owner: input.owner ?? null,
    supersedes: (input.supersedes ?? []).map((item) => (typeof item === "string" ? { source, id: item } : item)),
  };
}
