import process from "node:process";
import { exitCodeOf, processTerminal, type Terminal } from "../terminal.ts";
import { type Collected, featureLines, readFeatures } from "./features-file.ts";
import { askLabels, readLabels } from "./labels.ts";
import { type CalibrateOptions, readOptions, usage } from "./options.ts";
import { formatReport } from "./print-report.ts";
import { checkFolders, inForce, make, type Provenance, publish, readPolicies, writeWhole } from "./publish.ts";
import { collectFromDocuments } from "./self/self.ts";

/**
 * `reticent calibrate`: fits the constants of the confidence and writes them as a file that an operator publishes.
 * @returns 0; 1 when the calibration is worse than the one in force or cannot be made; 2 for wrong usage
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  // Leaves through `exit`, whose listeners remove the copy of the data directory.
  const interrupted = () => process.exit(130);
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await exitCodeOf("calibrate", () => calibrateCommand(args, terminal), terminal.stderr);
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

async function calibrateCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr } = terminal;
  const options = readOptions(args);
  if (options === undefined) {
    stdout.write(usage);
    return 0;
  }
  checkFolders([options.out, options.reportFile, options.featuresOut]);
  const policies =
    options.policies ?? (options.kind === "self" ? (terminal.env.RETICENT_POLICIES ?? "policies") : undefined);
  const snapshot = policies === undefined ? undefined : await readPolicies(policies);
  const { collected, provenance } = await collect();
  if (options.featuresOut !== undefined) writeWhole(options.featuresOut, featureLines(collected));

  const made = make(collected, options, provenance, inForce(options, collected.origin, snapshot), stderr);
  const { report, file } = made;
  if (options.reportFile !== undefined) writeWhole(options.reportFile, `${JSON.stringify(report, null, 2)}\n`);
  const worse = (report.baseline?.worse.length ?? 0) > 0;
  const written = worse || file === null ? null : (options.out ?? null);
  stdout.write(
    options.json ? `${JSON.stringify({ written, calibration: file, report }, null, 2)}\n` : formatReport(made, written),
  );
  publish(made, options.out);
  return 0;

  async function collect(): Promise<{ collected: Collected; provenance: Provenance }> {
    if (options === undefined) throw new Error("no options");
    if (options.kind === "self") {
      if (snapshot === undefined) throw new Error("no policy");
      return collectFromDocuments(options, snapshot, terminal);
    }
    const from =
      options.kind === "features"
        ? readFeatures(options.files, given(options), options.split)
        : await askLabels(readLabels(options), options, terminal);
    const sets = [...new Set(from.samples.map((sample) => sample.set))].toSorted().join(", ");
    const fittedOn = `${from.samples.length} labelled questions of ${sets}`.slice(0, 500);
    return { collected: from, provenance: { fittedOn, audience: null } };
  }
}

function given({ model, fingerprint }: Extract<CalibrateOptions, { kind: "features" }>) {
  return { ...(model === undefined ? {} : { model }), ...(fingerprint === undefined ? {} : { fingerprint }) };
}
