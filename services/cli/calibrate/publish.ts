import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkPolicyFolder } from "#adapters/policy-casbin/load.ts";
import { formatProblem } from "#adapters/policy-casbin/problem.ts";
import { type CalibrationReport, calibrate, calibrateSteps } from "#core/calibration/calibrate.ts";
import { type CalibrationFile, calibrationSchema, calibrationText } from "#core/calibration/calibration-file.ts";
import { CalibrationError } from "#core/calibration/error.ts";
import { calibrationFor } from "#core/calibration/published.ts";
import type { Sample } from "#core/calibration/sample.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { calibratedFeatures } from "#core/retrieval/confidence.ts";
import { CommandError, type Output, progressBar, UsageError } from "../terminal.ts";
import type { Collected, FeatureOrigin } from "./features-file.ts";
import { readJson } from "./json-lines.ts";
import type { CommonOptions } from "./options.ts";

/** What was made. */
export interface Made {
  /** `null` when nobody said which model the features came from: then there is nothing to publish. */
  readonly file: CalibrationFile | null;
  readonly report: CalibrationReport;
  /** Features that were given and are no part of this program's confidence. */
  readonly ignored: readonly string[];
}

/** What a calibration file says of its origin. */
export interface Provenance {
  readonly fittedOn: string;
  readonly audience: CalibrationFile["audience"];
}

/**
 * Fits and judges a calibration.
 * @throws CommandError when the questions do not allow one; UsageError for a baseline of another fingerprint
 */
export function make(
  { samples, origin }: Collected,
  options: CommonOptions,
  { fittedOn, audience }: Provenance,
  baseline: CalibrationFile | undefined,
  stderr: Output,
): Made {
  if (options.out !== undefined && origin === null) {
    throw new UsageError("--out: nobody says what the features came from; give --model and --fingerprint");
  }
  if (baseline !== undefined && origin !== null && baseline.fingerprint !== origin.fingerprint) {
    throw new UsageError(
      `the calibration in force is of fingerprint ${baseline.fingerprint}, not ${origin.fingerprint}`,
    );
  }
  const { usable, ignored } = known(samples);
  const bar = progressBar(stderr, "fit", calibrateSteps);
  try {
    const { model, report } = calibrate(usable, {
      regularisation: options.regularisation,
      balanced: options.balanced,
      rescale: options.rescale,
      ...(options.answering === undefined ? {} : { answering: options.answering }),
      without: options.without,
      ...(options.conformal === undefined ? {} : { conformal: options.conformal }),
      ...(baseline === undefined ? {} : { baseline }),
      onStep: () => bar.tick(),
    });
    const file: CalibrationFile | null =
      origin === null
        ? null
        : {
            format: 1,
            ...origin,
            fitted_on: options.fittedOn ?? fittedOn,
            fitted_at: (options.at ?? new Date()).toISOString(),
            audience,
            regularisation: options.regularisation,
            ...model,
            features: [...model.features],
            report: { ...report.figures, operating_points: [...report.figures.operating_points] },
          };
    return { file, report, ignored };
  } catch (error) {
    if (error instanceof CalibrationError) throw new CommandError(`${error.code}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    bar.end();
  }
}

/** Leaves out features that this program computes for other ends, or not at all: a file that names one would be rejected. */
function known(samples: readonly Sample[]): { usable: readonly Sample[]; ignored: readonly string[] } {
  const ignored = new Set<string>();
  const usable = samples.map((sample) => {
    const kept = Object.entries(sample.features).filter(([name]) => {
      if (!calibratedFeatures.includes(name)) ignored.add(name);
      return calibratedFeatures.includes(name);
    });
    return { ...sample, features: Object.fromEntries(kept) };
  });
  return { usable, ignored: [...ignored].toSorted() };
}

/**
 * The calibration in force: `--baseline`, else what the policy folder names for this model and tenant, else the file that `--out` would
 * replace, where it is of the same fingerprint.
 */
export function inForce(
  options: CommonOptions,
  origin: FeatureOrigin | null,
  snapshot: PolicySnapshot | undefined,
): CalibrationFile | undefined {
  if (options.baseline !== undefined) return readJson(options.baseline, calibrationSchema);
  if (origin === null) return undefined;
  if (snapshot !== undefined) {
    const { name, fingerprint } = { name: origin.model, fingerprint: origin.fingerprint };
    const published = snapshot.trust.models.get(name)?.calibrations;
    const files = published?.tenants.get(options.tenant ?? "") ?? published?.general ?? [];
    // After a change of the model there is nothing to compare with, and that is no reason to refuse.
    if (files.some((file) => file.fingerprint === fingerprint)) {
      return calibrationFor(snapshot.trust, { name, fingerprint }, options.tenant ?? "");
    }
  }
  if (options.out === undefined || statSync(options.out, { throwIfNoEntry: false }) === undefined) return undefined;
  const old = readJson(options.out, calibrationSchema);
  return old.fingerprint === origin.fingerprint ? old : undefined;
}

/** Reads a policy folder. @throws CommandError when it cannot be put in force */
export async function readPolicies(folder: string): Promise<PolicySnapshot> {
  const { loaded, problems } = await checkPolicyFolder(resolve(folder));
  if (loaded === undefined) {
    const [first] = problems;
    throw new CommandError(
      `the policy folder ${folder} is not usable: ${first === undefined ? "" : formatProblem(first, folder)}`,
    );
  }
  return loaded.snapshot;
}

/** Found out before the work, not after it. @throws UsageError when a folder to write into is not there */
export function checkFolders(files: readonly (string | undefined)[]): void {
  for (const file of files) {
    if (file === undefined) continue;
    if (statSync(dirname(resolve(file)), { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new UsageError(`cannot write ${file}: there is no such folder`);
    }
  }
}

/** Writes a file as a whole: whoever watches its folder never sees half of it. @throws CommandError */
export function writeWhole(file: string, text: string): void {
  const temporary = join(dirname(resolve(file)), `.${basename(file)}.${process.pid}`);
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new CommandError(`cannot write ${file}: ${cause instanceof Error ? cause.message : ""}`, { cause });
  }
}

/**
 * Writes the calibration, unless it is worse than the one in force.
 * @throws CommandError that says in which figure, and by how much
 */
export function publish({ file, report }: Made, out: string | undefined): void {
  const { baseline } = report;
  if (baseline !== null && baseline.worse.length > 0) {
    const by = baseline.worse.map((figure) => {
      const { value, low, high } = figure === "auroc" ? baseline.auroc_difference : baseline.log_loss_difference;
      return `${figure === "auroc" ? "AUROC" : "log loss"} ${value} [${low}, ${high}]`;
    });
    const consequence = out === undefined ? "" : `: ${out} was not written`;
    throw new CommandError(`worse than the calibration in force, new minus old: ${by.join(", ")}${consequence}`);
  }
  if (out !== undefined && file !== null) writeWhole(out, calibrationText(file));
}
