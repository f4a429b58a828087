import { type CalibrationFile, calibrationSchema } from "#core/calibration/calibration-file.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { calibratedFeatures } from "#core/retrieval/confidence.ts";
import { reporter } from "./problem.ts";
import type { TextFile } from "./text-file.ts";
import { readYaml } from "./yaml-file.ts";

/** Where a calibration lies in the policy folder, as trust.yaml names it. */
export const calibrationPath = /^calibration\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.json$/;

/**
 * Reads a calibration file strictly: JSON without duplicate keys, the known format and nothing else, and only features that this
 * program computes: a misspelt one would be missing from every question.
 */
export function parseCalibration(text: TextFile, problems: PolicyProblem[]): CalibrationFile | undefined {
  const report = reporter(text.file, problems);
  try {
    JSON.parse(text.text);
  } catch {
    report(0, "not-json", "a calibration is a JSON file, as `reticent calibrate` writes it");
    return undefined;
  }
  // JSON is a part of YAML 1.2, whose reader knows the line of every value and finds a key that is there twice.
  const file = readYaml(text, calibrationSchema, problems);
  if (file === undefined) return undefined;
  const before = problems.length;
  file.value.features.forEach(({ name }, at) => {
    if (!calibratedFeatures.includes(name)) {
      report(file.lineOf(["features", at]), "unknown-feature", `this program computes no feature ${name}`);
    }
  });
  return problems.length === before ? file.value : undefined;
}
