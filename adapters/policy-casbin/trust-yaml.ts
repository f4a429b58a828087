import { z } from "zod";
import { sourcePattern } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { frontMatterClaims, type ModelTrust, type SourceTrust, type TrustPolicy } from "#core/trust/trust-policy.ts";
import { type CalibrationFolder, calibrationKeys, modelCalibrations } from "./model-calibrations.ts";
import { reporter } from "./problem.ts";
import type { TextFile } from "./text-file.ts";
import { readYaml } from "./yaml-file.ts";

const name = z.string().min(1).max(64);
/** A century: more is a slip, and `off` says "no limit". */
const maxAgeDays = z.int().min(1).max(36_500);

const gates = z.strictObject({
  tier: name.optional(),
  minimum_tier: name.optional(),
  review_states: z.union([z.literal("off"), z.array(name).min(1).max(50)]).optional(),
  max_age_days: z.union([z.literal("off"), maxAgeDays]).optional(),
  require_owner: z.boolean().optional(),
  front_matter: z.array(z.enum(frontMatterClaims)).optional(),
});

const trustSchema = z.strictObject({
  tiers: z.array(name).min(1).max(50),
  defaults: gates.default({}),
  sources: z.record(z.string().regex(sourcePattern, "not a source's name"), gates.nullable()),
  models: z.record(
    z.string().min(1).max(200),
    z.strictObject({
      floor: z.number().min(-1).max(1),
      threshold: z.number().min(0).max(1),
      origin: z.string().min(1).max(2_000),
      ...calibrationKeys,
    }),
  ),
});

/**
 * Reads trust.yaml and the calibrations that it names. Each source takes what it does not say from `defaults`; a gate that
 * neither states is a problem, and so is a required model without an entry.
 */
export function parseTrust(
  text: TextFile,
  calibrations: CalibrationFolder,
  problems: PolicyProblem[],
  requiredModels: readonly string[],
): TrustPolicy | undefined {
  const file = readYaml(text, trustSchema, problems);
  if (file === undefined) return undefined;
  const before = problems.length;
  const report = reporter(text.file, problems);
  const { tiers, defaults } = file.value;
  if (new Set(tiers).size !== tiers.length) report(file.lineOf(["tiers"]), "duplicate-tier", "a tier is listed twice");
  for (const key of ["tier", "minimum_tier"] as const) {
    const tier = defaults[key];
    if (tier !== undefined && !tiers.includes(tier)) {
      report(file.lineOf(["defaults", key]), "undeclared-tier", `${tier} is not among the tiers`);
    }
  }

  const sources = new Map<string, SourceTrust>();
  for (const [source, own] of Object.entries(file.value.sources)) {
    const merged = { ...defaults, ...own };
    const { tier, minimum_tier, review_states, max_age_days, require_owner } = merged;
    for (const key of ["tier", "minimum_tier"] as const) {
      const value = own?.[key];
      if (value !== undefined && !tiers.includes(value)) {
        report(file.lineOf(["sources", source, key]), "undeclared-tier", `${value} is not among the tiers`);
      }
    }
    if (
      tier === undefined ||
      minimum_tier === undefined ||
      review_states === undefined ||
      max_age_days === undefined ||
      require_owner === undefined
    ) {
      const gateNames = ["tier", "minimum_tier", "review_states", "max_age_days", "require_owner"] as const;
      const absent = gateNames.filter((gate) => merged[gate] === undefined).join(", ");
      const line = file.lineOf(["sources", source]);
      report(line, "missing-gate", `${source}: neither the source nor the defaults say ${absent}`);
      continue;
    }
    sources.set(source, {
      tier,
      minimumTier: minimum_tier,
      reviewStates: review_states === "off" ? null : review_states,
      maxAgeDays: max_age_days === "off" ? null : max_age_days,
      requireOwner: require_owner,
      frontMatter: merged.front_matter ?? [],
    });
  }
  const models = new Map<string, ModelTrust>();
  for (const [model, { floor, threshold, origin, ...named }] of Object.entries(file.value.models)) {
    const published = modelCalibrations(model, named, calibrations, (path) => {
      const line = file.lineOf(["models", model, ...path]);
      return (_line, code, message) => report(line, code, message);
    });
    models.set(model, { floor, threshold, origin, calibrations: published });
  }
  for (const model of requiredModels) {
    if (models.has(model)) continue;
    const message = `no entry for ${model}, the model in use; without a floor nothing may be answered`;
    report(file.lineOf(["models"]), "missing-model", message);
  }
  return problems.length === before ? { tiers, sources, models } : undefined;
}
