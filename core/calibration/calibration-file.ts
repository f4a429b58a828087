import { z } from "zod";
import { limits, tenantPattern } from "../limits.ts";
import type { ConfidenceModel } from "../retrieval/confidence.ts";
import type { AbstentionFigures } from "./figures.ts";
import { type LinearModel, probability } from "./linear-model.ts";

const estimate = z.strictObject({
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
const count = z.int().nonnegative();

const figures = z.strictObject({
  questions: count,
  answerable: count,
  groups: count,
  auroc: estimate,
  ece: estimate,
  brier: estimate,
  log_loss: estimate,
  aurc: estimate,
  answered_at_far5: estimate,
  operating_points: z.array(
    z.strictObject({
      threshold: z.number().min(0).max(1),
      answered_answerable: estimate,
      answered_unanswerable: estimate,
    }),
  ),
}) satisfies z.ZodType<AbstentionFigures>;

/**
 * Bias or weight in log odds, per scale of a feature. The fits that ship stay below 10; a slipped digit or exponent would answer, or refuse,
 * whatever is asked.
 */
const logOdds = z.number().min(-1_000).max(1_000);

/** A feature's name, as features and traces use it. */
export const featureNameSchema = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "a feature's name: lower case, digits, _");

/**
 * A calibration file: constants that turn features into a confidence. An operator publishes it like a policy, and nothing of it is
 * computed anew when a question is asked.
 */
export const calibrationSchema = z.strictObject({
  format: z.literal(1),
  /** The embedding model that the features came from, as trust.yaml names it, and its fingerprint. */
  model: z.string().min(1).max(200),
  fingerprint: z.string().min(1).max(200),
  /** What it was fitted on, for a reader; shown in every response. */
  fitted_on: z.string().min(1).max(500),
  fitted_at: z.iso.datetime(),
  /** Whose documents it was made from; `null` for one that was fitted on labelled questions of no single tenant. */
  audience: z
    .strictObject({
      tenant: z.string().regex(tenantPattern),
      principals: z
        .array(
          z
            .string()
            .min(1)
            .max(limits.principalChars + 8),
        )
        .max(limits.principals),
    })
    .nullable(),
  /** C of the penalty that it was fitted with. */
  regularisation: z.number().positive(),
  bias: logOdds,
  features: z
    .array(z.strictObject({ name: featureNameSchema, mean: z.number(), scale: z.number().positive(), weight: logOdds }))
    .min(1)
    .max(limits.calibrationFeatures)
    .refine((terms) => new Set(terms.map((term) => term.name)).size === terms.length, "a feature is named twice"),
  /** What it was worth on questions that it was not fitted on (folds cut by group). */
  report: figures,
});
export type CalibrationFile = z.infer<typeof calibrationSchema>;

/** The file as it is written: the same content is the same bytes. */
export function calibrationText(file: CalibrationFile): string {
  return `${JSON.stringify(calibrationSchema.parse(file), null, 2)}\n`;
}

/** The confidence that a calibration file gives. A feature that is absent or not finite makes it NaN, which passes no gate. */
export function confidenceModelOf(file: CalibrationFile): ConfidenceModel {
  const model: LinearModel = { bias: file.bias, features: file.features };
  return {
    state: "calibrated",
    fittedOn: file.fitted_on,
    fittedAt: file.fitted_at,
    confidence: (features) => probability(model, features),
  };
}
