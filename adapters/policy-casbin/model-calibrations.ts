import { z } from "zod";
import type { CalibrationFile } from "#core/calibration/calibration-file.ts";
import type { PublishedCalibrations } from "#core/calibration/published.ts";
import { tenantPattern } from "#core/limits.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import { calibrationPath, parseCalibration } from "./calibration-json.ts";
import type { Report } from "./problem.ts";
import type { TextFile } from "./text-file.ts";

const path = z.string().regex(calibrationPath, "a file of the folder: calibration/<name>.json");
/** One file, or one per fingerprint. */
const paths = z.union([path, z.array(path).min(1).max(10)]);

/** What a model of trust.yaml may say of its calibrations. */
export const calibrationKeys = {
  calibration: paths.optional(),
  tenants: z.record(z.string().regex(tenantPattern, "not a tenant's name"), paths).optional(),
};

/** The calibration files of a folder: decoded and parsed when trust.yaml names them, once each. */
export class CalibrationFolder {
  readonly #texts: ReadonlyMap<string, TextFile>;
  readonly #problems: PolicyProblem[];
  readonly #read = new Map<string, CalibrationFile | undefined>();

  constructor(texts: ReadonlyMap<string, TextFile>, problems: PolicyProblem[]) {
    this.#texts = texts;
    this.#problems = problems;
  }

  /** Names and texts of the files that trust.yaml names: what is in force, for the revision. */
  get inForce(): readonly TextFile[] {
    return [...this.#read.keys()].toSorted().flatMap((name) => this.#texts.get(name) ?? []);
  }

  /** `undefined` when it is not there or not usable; `missing` tells which, a broken one has told its own problems. */
  get(name: string, missing: () => void): CalibrationFile | undefined {
    if (this.#read.has(name)) return this.#read.get(name);
    const text = this.#texts.get(name);
    if (text === undefined) missing();
    const file = text === undefined ? undefined : parseCalibration(text, this.#problems);
    this.#read.set(name, file);
    return file;
  }
}

/** What trust.yaml says of one model. */
interface ModelCalibrations {
  readonly calibration?: string | readonly string[] | undefined;
  readonly tenants?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/**
 * Finds the calibrations of one model. Each must have been fitted for this model, at most one per fingerprint, and one that was made from a
 * tenant's own documents serves that tenant alone.
 */
export function modelCalibrations(
  model: string,
  { calibration, tenants }: ModelCalibrations,
  folder: CalibrationFolder,
  report: (path: readonly string[]) => Report,
): PublishedCalibrations {
  const listOf = (named: string | readonly string[] | undefined, tenant: string | null, where: readonly string[]) => {
    const tell = report(where);
    const files = [named ?? []].flat().flatMap((name) => {
      const file = folder.get(name, () => tell(0, "missing-calibration", `${name} is not in the policy folder`));
      if (file === undefined) return [];
      if (file.model !== model) {
        tell(0, "calibration-model", `${name} was fitted for ${file.model}, not for ${model}`);
      }
      if (file.audience !== null && file.audience.tenant !== tenant) {
        const owner = file.audience.tenant;
        tell(0, "calibration-tenant", `${name} was made from documents of ${owner}: name it under tenants: ${owner}`);
      }
      return [file];
    });
    if (new Set(files.map((file) => file.fingerprint)).size !== files.length) {
      tell(0, "duplicate-calibration", "two files for the same fingerprint");
    }
    return files;
  };
  return {
    general: listOf(calibration, null, ["calibration"]),
    tenants: new Map(
      Object.entries(tenants ?? {}).map(([tenant, named]) => [tenant, listOf(named, tenant, ["tenants", tenant])]),
    ),
  };
}
