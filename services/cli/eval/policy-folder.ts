import { existsSync } from "node:fs";
import { copyFile, cp, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { UsageError } from "../terminal.ts";
import { type Mapping, ownGroups } from "./mapping.ts";

/** The policy folder that the project ships: eval takes the model of the rules and the numbers of the embedding models from it. */
export const shippedPolicies = fileURLToPath(new URL("../../../policies/", import.meta.url));

const trustSchema = z.looseObject({ models: z.record(z.string(), z.unknown()) });

/**
 * The rules of an evaluation, one line each: whoever is active reads every source of every tenant, so that only the documents'
 * own access lists decide; the loader writes and shares; the auditor may explain and see the status. Labels have no rule.
 */
export function policyLines(mapping: Pick<Mapping, "tenants" | "sources">): readonly string[] {
  return mapping.tenants.flatMap((tenant) => [
    `g, group:${ownGroups.active}, role:reader, ${tenant}`,
    ...mapping.sources.flatMap((source) => [
      `p, role:reader, ${tenant}, source:${source}, read, allow`,
      `p, group:${ownGroups.writers}, ${tenant}, source:${source}, write, allow`,
      `p, group:${ownGroups.writers}, ${tenant}, source:${source}, share, allow`,
    ]),
    `p, group:${ownGroups.auditors}, ${tenant}, tenant, explain, allow`,
    `p, group:${ownGroups.auditors}, ${tenant}, tenant, admin, allow`,
  ]);
}

/** trust.yaml with every source declared, one tier and all gates off; floors and thresholds as given. */
export function trustDocument(sources: readonly string[], models: Readonly<Record<string, unknown>>): object {
  return {
    tiers: ["reference"],
    defaults: {
      tier: "reference",
      minimum_tier: "reference",
      review_states: "off",
      max_age_days: "off",
      require_owner: false,
      front_matter: [],
    },
    sources: Object.fromEntries(sources.map((source) => [source, {}])),
    models,
  };
}

/** The `models` part of a trust.yaml. @throws UsageError when the file has none. */
export async function readModels(trustFile: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return trustSchema.parse(parse(await readFile(trustFile, "utf8"))).models;
  } catch (cause) {
    throw new UsageError(`${trustFile}: not a trust.yaml with models`, { cause });
  }
}

/** Writes the policy folder of an evaluation. The folder must exist and be empty. */
export async function writePolicyFolder(folder: string, mapping: Mapping, trustFile: string): Promise<void> {
  const models = await readModels(trustFile);
  // Calibrations lie beside the trust.yaml that names them.
  const calibrations = join(dirname(trustFile), "calibration");
  if (existsSync(calibrations)) await cp(calibrations, join(folder, "calibration"), { recursive: true });
  await copyFile(join(shippedPolicies, "model.conf"), join(folder, "model.conf"));
  await writeFile(join(folder, "policy.csv"), `${policyLines(mapping).join("\n")}\n`);
  await writeFile(
    join(folder, "labels.yaml"),
    stringify({ labels: Object.fromEntries(mapping.labels.map((l) => [l, "of the set"])) }),
  );
  await writeFile(join(folder, "trust.yaml"), stringify(trustDocument(mapping.sources, models)));
}
