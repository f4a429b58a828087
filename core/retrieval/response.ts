import { z } from "zod";

/** Why the service says nothing; design: the gate that dropped the best candidate, else how far the eligible search came. */
export const abstainReasons = ["no_match", "below_similarity", "low_confidence", "untrusted", "stale"] as const;
export type AbstainReason = (typeof abstainReasons)[number];

/** One returned passage. Every key is always there, so that a shape tells nothing. */
export const passageSchema = z.strictObject({
  document_id: z.string(),
  chunk_id: z.uuid(),
  source: z.string(),
  title: z.string(),
  url: z.string().nullable(),
  text: z.string().min(1),
  /** Raw cosine between query and passage, −1 … 1. */
  similarity: z.number().min(-1.000001).max(1.000001),
  heading_path: z.array(z.string()),
  start_char: z.int().nonnegative(),
  end_char: z.int().nonnegative(),
  updated_at: z.iso.datetime().nullable(),
  quality: z.strictObject({
    authority: z.string().nullable(),
    review_state: z.string().nullable(),
    owner: z.string().nullable(),
    expires_at: z.iso.datetime().nullable(),
  }),
});
export type Passage = z.infer<typeof passageSchema>;

const common = {
  id: z.string().regex(/^ret_[0-9a-f]{32}$/),
  /** Calibrated probability that the passages answer the question, or, `uncalibrated`, a documented score; 0 … 1. */
  confidence: z.number().min(0).max(1),
  calibration: z.strictObject({
    state: z.enum(["calibrated", "uncalibrated"]),
    fingerprint: z.string(),
    fitted_on: z.string().nullable(),
    fitted_at: z.iso.datetime().nullable(),
  }),
  gates: z.strictObject({ floor: z.number().min(-1).max(1), threshold: z.number().min(0).max(1) }),
  versions: z.strictObject({ policy: z.string(), trust: z.string(), index: z.string(), embedding_model: z.string() }),
  /** On every answer of a deployment that chose approximate search, and on no other's: a hidden document can then move an answer. */
  non_interference: z.literal("statistical").exactOptional(),
};

/** The answer of POST /retrieve: passages, or an explicit abstention. Keys depend on `outcome` and the deployment alone. */
export const retrieveResponseSchema = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("answered"), ...common, passages: z.array(passageSchema).nonempty() }),
  z.strictObject({
    outcome: z.literal("abstained"),
    ...common,
    reason: z.enum(abstainReasons),
    message: z.literal("I don't have that information."),
    passages: z.tuple([]),
  }),
]);
export type RetrieveResponse = z.infer<typeof retrieveResponseSchema>;
