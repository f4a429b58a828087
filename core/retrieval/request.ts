import { z } from "zod";
import { labelPattern, limits, sourcePattern } from "../limits.ts";
import type { SearchConditions } from "../ports/index.ts";
import { instantSchema } from "../trust/quality.ts";

/** The body of POST /retrieve. Who is asking is no part of it: that comes from the token. */
export const retrieveRequestSchema = z.strictObject({
  query: z
    .string()
    .max(limits.queryChars)
    .refine((text) => text.trim().length > 0, "must not be empty"),
  /** Passages at most. */
  top_k: z.int().min(1).max(limits.topK).default(8),
  filter: z
    .strictObject({
      source: z.array(z.string().regex(sourcePattern)).max(limits.filterSources).optional(),
      label: z.array(z.string().regex(labelPattern)).max(limits.filterLabels).optional(),
      updated_after: instantSchema.optional(),
      updated_before: instantSchema.optional(),
    })
    .default({}),
  /** Budget over whole passages, in tokens of the embedding model. At least one whole passage must fit. */
  max_tokens: z.int().min(1).max(limits.maxTokens).optional(),
  /** Raises the service's threshold for this request; a lower one than the service's has no effect. */
  min_confidence: z.number().min(0).max(1).optional(),
  /** Longest time for the answer from the arrival of the request, ms; at most the service's deadline, which is the default. */
  timeout_ms: z.int().min(limits.leastTimeoutMs).optional(),
});
export type RetrieveRequest = z.infer<typeof retrieveRequestSchema>;

/** The request's conditions as a search takes them. */
export function conditionsOf(filter: RetrieveRequest["filter"]): SearchConditions {
  return {
    ...(filter.source === undefined ? {} : { sources: filter.source }),
    ...(filter.label === undefined ? {} : { labels: filter.label }),
    ...(filter.updated_after === undefined ? {} : { updatedAfter: filter.updated_after }),
    ...(filter.updated_before === undefined ? {} : { updatedBefore: filter.updated_before }),
  };
}
