import { CalibrationError } from "./error.ts";

/** The features of one question by name, as a trace keeps them. */
export type FeatureValues = Readonly<Record<string, number>>;

/** One judged question with the features of its search. */
export interface Sample {
  readonly id: string;
  /** The set or tenant that it belongs to; each weighs the same. */
  readonly set: string;
  /** Questions of one group (article, folder, product) are never on both sides of a fold. */
  readonly group: string;
  readonly answerable: boolean;
  readonly features: FeatureValues;
  /** A random fold that came with the question, or `null`. */
  readonly fold: number | null;
}

/**
 * Weights under which both classes count the same and, within a class, each set does; they sum to the number of samples, so
 * that a regularisation strength means what it means without weights.
 */
export function balancedWeights(samples: readonly Sample[]): Float64Array {
  const cell = (sample: Sample) => `${sample.answerable ? "+" : "-"}${sample.set}`;
  const sizes = new Map<string, number>();
  for (const sample of samples) sizes.set(cell(sample), (sizes.get(cell(sample)) ?? 0) + 1);
  const cells = [...sizes.keys()];
  const sets = (sign: string) => cells.filter((name) => name.startsWith(sign)).length;
  const share = { "+": samples.length / 2 / sets("+"), "-": samples.length / 2 / sets("-") };
  return Float64Array.from(samples, (sample) => share[sample.answerable ? "+" : "-"] / (sizes.get(cell(sample)) ?? 1));
}

/**
 * The features that every sample has, sorted by name.
 * @throws CalibrationError `no-samples`, `one-class`, `missing-feature` (a name that only some samples have), `not-finite`,
 * `no-features`
 */
export function commonFeatures(samples: readonly Sample[]): readonly string[] {
  const [first] = samples;
  if (first === undefined) throw new CalibrationError("no-samples", "there is no judged question");
  if (!samples.some((sample) => sample.answerable)) {
    throw new CalibrationError("one-class", "none of the questions is answerable: there is nothing to tell apart");
  }
  if (samples.every((sample) => sample.answerable)) {
    throw new CalibrationError("one-class", "all of the questions are answerable: there is nothing to tell apart");
  }
  const names = Object.keys(first.features).toSorted();
  if (names.length === 0) throw new CalibrationError("no-features", `question "${first.id}" has no features`);
  for (const { id, features } of samples) {
    const own = Object.keys(features);
    const odd = names.find((name) => !Object.hasOwn(features, name)) ?? own.find((name) => !names.includes(name));
    if (odd !== undefined) {
      throw new CalibrationError(
        "missing-feature",
        `feature ${odd} is not in all questions ("${first.id}" and "${id}" differ)`,
      );
    }
    const broken = names.find((name) => !Number.isFinite(features[name]));
    if (broken !== undefined) {
      throw new CalibrationError("not-finite", `question "${id}": feature ${broken} is not a finite number`);
    }
  }
  return names;
}

/** Features that have one and the same value in all samples: nothing can be learned from them. */
export function constantFeatures(samples: readonly Sample[], names: readonly string[]): readonly string[] {
  return names.filter((name) => samples.every((sample) => sample.features[name] === samples[0]?.features[name]));
}
