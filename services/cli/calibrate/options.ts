import { integerOption, parseOptions, UsageError } from "../terminal.ts";

/** What `reticent calibrate --help` prints. */
export const usage = `usage: reticent calibrate --labels FILE|DIR… [options]      from questions with judgements, asked of a running service
       reticent calibrate --features FILE… [options]       from features that were written before, of several sets at once
       reticent calibrate --self --tenant T --as P… [options]   without labels, from the documents that an audience may read

Fits the constants that turn the features of a search into a confidence, measures them on questions that they were not fitted on, and
writes a calibration file. Publish it: copy it to calibration/ in the policy folder and name it in trust.yaml.

  --out FILE            write the calibration here; refused when it is worse than the one in force
  --report FILE         write the whole report here, as JSON
  --json                print the report as JSON
  --regularisation C    strength of the penalty, smaller is stronger (default: 0.03 with --labels, else 0.003, which carries over to
                        other corpora)
  --unbalanced          each question weighs the same, instead of each set and both kinds
  --rescale             stretch the log odds to what they are worth out of fold: for few questions, which a strong penalty presses
                        towards one half; always with --self
  --answering SHARE     with --rescale: lower the confidence until this share of the answerable questions passes 0.55 out of fold, where
                        more do (default: 0.88 with --self, else not)
  --without NAME        leave a feature out; may be repeated
  --conformal A         also find the threshold at which at most this share of unanswerable questions is answered
  --baseline FILE       the calibration in force (default: the one that --policies names, else the file that --out would replace)
  --policies DIR        the policy folder (with --self: RETICENT_POLICIES, ./policies)
  --tenant T            the tenant: of --self, of the calibration in force, or only the labelled questions of this one
  --fitted-on TEXT      what responses say it was fitted on
  --split calib|test|all  of --labels and --features: the questions that are used, where they name a split (default calib)
  --at TIME             the time that the file names, ISO 8601 (default now)

--labels: JSON lines {"id", "query", "answerable", "group"?, "fold"?, "split"?, "tenant"?}, or a folder with a queries.jsonl
  --group-by FIELD        what folds are cut by (default group)
  --features-out FILE     write the features, for --features
  --url U, --token T      the service (RETICENT_URL, RETICENT_TOKEN); the token may explain on its tenant

--features: JSON lines {"id", "features", "answerable", "group"?, "set"?, "fold"?, "model"?, "fingerprint"?}
  --model M, --fingerprint F  where the lines do not say what the features came from

--self: reads a copy of the data directory; the service may go on meanwhile
  --data DIR            the data directory (RETICENT_DATA, ./data)
  --as user:U|group:G   whose documents; repeated for several groups, at most one user
  --questions N         documents that a question is made from (default 300)
  --seed N              of all that is drawn (default 1)
  --features-out FILE   write the features

Exit code: 0; 1 when the calibration is worse than the one in force, or could not be made; 2 when the command is used wrongly.
`;

/** What every kind of calibration takes. */
export interface CommonOptions {
  readonly out: string | undefined;
  readonly reportFile: string | undefined;
  readonly json: boolean;
  readonly regularisation: number;
  readonly balanced: boolean;
  readonly rescale: boolean;
  readonly answering: number | undefined;
  readonly without: readonly string[];
  readonly conformal: number | undefined;
  readonly baseline: string | undefined;
  readonly policies: string | undefined;
  readonly tenant: string | undefined;
  readonly fittedOn: string | undefined;
  readonly at: Date | undefined;
  readonly featuresOut: string | undefined;
}

export type CalibrateOptions = CommonOptions &
  (
    | {
        readonly kind: "labels";
        readonly labels: readonly string[];
        readonly split: "calib" | "test" | "all";
        readonly groupBy: string;
        readonly url: string | undefined;
        readonly token: string | undefined;
      }
    | {
        readonly kind: "features";
        readonly files: readonly string[];
        readonly split: "calib" | "test" | "all";
        readonly model: string | undefined;
        readonly fingerprint: string | undefined;
      }
    | {
        readonly kind: "self";
        readonly data: string | undefined;
        readonly audience: readonly string[];
        readonly questions: number;
        readonly seed: number;
      }
  );

const several = { type: "string", multiple: true } as const;
const one = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** For questions about the very corpus that is served; chosen by cross-validation on the calibration splits of five public sets. */
const ownRegularisation = 0.03;
/** Of the answerable questions made from documents: what a service should answer at least; more is spent against false answers. */
const selfAnswering = 0.88;

/** Options that belong to one kind alone. */
const ownOptions = {
  labels: ["group-by", "url", "token"],
  features: ["model", "fingerprint"],
  self: ["data", "as", "questions", "seed"],
} as const;

/**
 * Reads the arguments of `reticent calibrate`; `undefined` when help is asked for.
 * @throws UsageError with one line that says what is wrong
 */
export function readOptions(args: readonly string[]): CalibrateOptions | undefined {
  const { values } = parseOptions({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h" },
      labels: several,
      features: several,
      self: flag,
      out: one,
      report: one,
      json: flag,
      regularisation: one,
      unbalanced: flag,
      rescale: flag,
      answering: one,
      without: several,
      conformal: one,
      baseline: one,
      policies: one,
      tenant: one,
      "fitted-on": one,
      at: one,
      split: one,
      "group-by": one,
      "features-out": one,
      url: one,
      token: one,
      model: one,
      fingerprint: one,
      data: one,
      as: several,
      questions: one,
      seed: one,
    },
  });
  if (values.help === true) return undefined;
  const kinds = (["labels", "features", "self"] as const).filter((name) => values[name] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new UsageError("one of --labels, --features and --self is needed (--help tells more)");
  }
  for (const other of ["labels", "features", "self"] as const) {
    const foreign = ownOptions[other].find((name) => other !== kind && values[name] !== undefined);
    if (foreign !== undefined) throw new UsageError(`--${foreign} goes with --${other}, not with --${kind}`);
  }
  if (kind === "features" && values["features-out"] !== undefined) {
    throw new UsageError("--features-out goes with --labels and --self");
  }
  const common: CommonOptions = {
    out: values.out,
    reportFile: values.report,
    json: values.json === true,
    regularisation:
      numberOption("regularisation", values.regularisation, 1e-9, 1e9) ??
      (kind === "labels" ? ownRegularisation : 0.003),
    balanced: values.unbalanced !== true,
    rescale: values.rescale === true || kind === "self",
    answering: numberOption("answering", values.answering, 0.01, 0.99) ?? (kind === "self" ? selfAnswering : undefined),
    without: values.without ?? [],
    conformal: numberOption("conformal", values.conformal, 0.0001, 0.9999),
    baseline: values.baseline,
    policies: values.policies,
    tenant: values.tenant,
    fittedOn: values["fitted-on"],
    at: instant(values.at),
    featuresOut: values["features-out"],
  };
  if (common.answering !== undefined && !common.rescale) throw new UsageError("--answering goes with --rescale");
  const split = (["calib", "test", "all"] as const).find((name) => name === (values.split ?? "calib"));
  if (split === undefined) throw new UsageError(`--split: calib, test or all, not "${values.split}"`);
  if (kind === "self" && values.split !== undefined) throw new UsageError("--split goes with --labels and --features");
  if (kind === "labels") {
    const groupBy = values["group-by"] ?? "group";
    return { ...common, kind, labels: values.labels ?? [], split, groupBy, url: values.url, token: values.token };
  }
  if (kind === "features") {
    return {
      ...common,
      kind,
      files: values.features ?? [],
      split,
      model: values.model,
      fingerprint: values.fingerprint,
    };
  }
  return {
    ...common,
    kind,
    data: values.data,
    audience: values.as ?? [],
    questions: integerOption("questions", values.questions, { min: 10, max: 100_000 }) ?? 300,
    seed: integerOption("seed", values.seed, { min: 0, max: 4_294_967_295 }) ?? 1,
  };
}

function numberOption(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const parsed = value.trim() === "" ? Number.NaN : Number(value);
  if (!(parsed >= min && parsed <= max))
    throw new UsageError(`--${name}: a number from ${min} to ${max}, not "${value}"`);
  return parsed;
}

function instant(value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) throw new UsageError(`--at: a time in ISO 8601, not "${value}"`);
  return at;
}
