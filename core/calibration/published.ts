import { AppError } from "../errors.ts";
import type { EmbeddingModel } from "../ports/embedder.ts";
import type { PolicyProblem } from "../ports/policy.ts";
import { type ConfidenceModel, uncalibrated } from "../retrieval/confidence.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import { type CalibrationFile, confidenceModelOf } from "./calibration-file.ts";

/** The calibrations that trust.yaml names for one embedding model. */
export interface PublishedCalibrations {
  /** For every tenant without its own: one per fingerprint, so that a change of fingerprint finds its constants ready. */
  readonly general: readonly CalibrationFile[];
  /** By tenant, in place of the general ones. */
  readonly tenants: ReadonlyMap<string, readonly CalibrationFile[]>;
}

/** No calibration: the confidence is then a documented score. */
export const noCalibrations: PublishedCalibrations = { general: [], tenants: new Map() };

/**
 * The calibration in force for a tenant, or `undefined` when none is published.
 * @throws AppError `policy-unavailable` when one is published, but not for this fingerprint: constants of other vectors would
 * give a number that looks like a probability and is none
 */
export function calibrationFor(
  trust: TrustPolicy,
  model: Pick<EmbeddingModel, "name" | "fingerprint">,
  tenant: string,
): CalibrationFile | undefined {
  const published = trust.models.get(model.name)?.calibrations ?? noCalibrations;
  const files = published.tenants.get(tenant) ?? published.general;
  const found = files.find((file) => file.fingerprint === model.fingerprint);
  if (found === undefined && files.length > 0) {
    throw new AppError("policy-unavailable", {
      detail: `the published calibration was fitted for another fingerprint of ${model.name}`,
      retryAfterS: 5,
    });
  }
  return found;
}

// A file is read once per revision of the policy and used for every question.
const models = new WeakMap<CalibrationFile, ConfidenceModel>();

/** The confidence in force for a tenant: {@link uncalibrated} when no calibration is published. @throws AppError as {@link calibrationFor} */
export function confidenceFor(
  trust: TrustPolicy,
  model: Pick<EmbeddingModel, "name" | "fingerprint">,
  tenant: string,
): ConfidenceModel {
  const file = calibrationFor(trust, model, tenant);
  if (file === undefined) return uncalibrated;
  let confidence = models.get(file);
  if (confidence === undefined) {
    confidence = confidenceModelOf(file);
    models.set(file, confidence);
  }
  return confidence;
}

/**
 * What the folder alone cannot know: whether each published list of calibrations has one for the embedder in use.
 * @returns problems with code `calibration-fingerprint`; such an edit is rejected as a whole
 */
export function calibrationProblems(
  trust: TrustPolicy,
  model: Pick<EmbeddingModel, "name" | "fingerprint">,
): readonly PolicyProblem[] {
  const published = trust.models.get(model.name)?.calibrations ?? noCalibrations;
  const lists = [published.general, ...published.tenants.values()].filter((files) => files.length > 0);
  return lists
    .filter((files) => !files.some((file) => file.fingerprint === model.fingerprint))
    .map((files) => ({
      file: "trust.yaml",
      line: 0,
      code: "calibration-fingerprint",
      message:
        `${model.name}: the embedder in use has the fingerprint ${model.fingerprint}, ` +
        `the calibration was fitted for ${files.map((file) => file.fingerprint).join(", ")}: fit it anew`,
    }));
}
