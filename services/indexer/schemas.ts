import { z } from "zod";
import { aclSchema, labelsSchema } from "#core/access/acl.ts";
import { contentTypes } from "#core/document.ts";
import { limits, sourcePattern } from "#core/limits.ts";
import { isOneLine, notOneLine } from "#core/one-line.ts";
import { qualityInputSchema } from "#core/trust/quality.ts";

/** Text that every UTF-8 store gives back as it came: a lone surrogate would be replaced silently, and its hash with it. */
const wellFormed = (text: string) => text.isWellFormed();
const notWellFormed = "not well-formed Unicode";

/** Where a reader finds the original. Only schemes that are safe to click on. */
const urlSchema = z
  .url({ protocol: /^https?$/ })
  .max(limits.urlChars)
  .refine(wellFormed, notWellFormed)
  .refine(isOneLine, notOneLine);

/** Content versions of a source: 0 … 2^53−1. */
const versionSchema = z.int().min(0).max(limits.version);

/** The body of `PUT /v1/documents/{source}/{id}`. `acl` must be there: `[]` lets nobody in. */
export const putDocumentSchema = z.strictObject({
  version: versionSchema,
  title: z.string().max(limits.titleChars).refine(wellFormed, notWellFormed).refine(isOneLine, notOneLine),
  url: urlSchema.nullish(),
  content_type: z.enum(contentTypes),
  body: z.string().refine(wellFormed, notWellFormed),
  acl: aclSchema,
  labels: labelsSchema.default([]),
  quality: qualityInputSchema.default({}),
});
export type PutDocumentBody = z.infer<typeof putDocumentSchema>;

/** The body of `PUT /v1/documents/{source}/{id}/acl`. Both halves must be there: an omitted one must not widen access by accident. */
export const putAccessSchema = z.strictObject({ acl: aclSchema, labels: labelsSchema });

/** The body of `PUT /v1/principals/{id}/disabled`. */
export const disabledSchema = z.strictObject({ disabled: z.boolean() });

/** The query string of `PUT /v1/documents/{source}/{id}`. */
export const putQuerySchema = z.strictObject({ wait: z.enum(["true", "false"]).default("false") });

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,15})$/, "a whole number in decimal digits")
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** The query string of `DELETE /v1/documents/{source}/{id}`. */
export const deleteQuerySchema = z.strictObject({ version: wholeNumber(0, limits.version) });

/** Documents on a page when the request names no number. */
const defaultPageSize = 100;

/** The query string of `GET /v1/documents`. `via` and `state` ask different questions and exclude each other. */
export const listQuerySchema = z
  .strictObject({
    cursor: z.string().min(1).max(limits.cursorChars).optional(),
    limit: wholeNumber(1, limits.pageSize).default(defaultPageSize),
    source: z.string().regex(sourcePattern).optional(),
    via: z.literal("filter").optional(),
    state: z.enum(["failed", "stored"]).optional(),
  })
  .refine((query) => query.via === undefined || query.state === undefined, {
    path: ["via"],
    message: "via and state exclude each other",
  })
  .refine((query) => query.state !== "stored" || query.source !== undefined, {
    path: ["source"],
    message: "state=stored needs a source",
  });

/** `{source}` and `{id}` of a path, decoded. */
export interface DocumentParams {
  readonly source: string;
  readonly id: string;
}
