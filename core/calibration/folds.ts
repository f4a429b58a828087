import { round6 } from "../retrieval/round.ts";
import { seededRandom } from "./bootstrap.ts";
import { CalibrationError } from "./error.ts";
import { type LinearModel, logOdds } from "./linear-model.ts";
import { sigmoid } from "./logistic.ts";
import type { Sample } from "./sample.ts";

/** The fold of each sample, 0 … count − 1. */
export interface Folds {
  readonly count: number;
  readonly of: readonly number[];
}

/**
 * Cuts by group, never inside one, into at most `count` folds that hold about the same share of both classes: groups by falling
 * size, each into the fold that it leaves most even.
 * @throws CalibrationError `too-few-groups` when a class lies in one group alone: no fold could be judged by another
 */
export function groupFolds(samples: readonly Sample[], count = 5): Folds {
  const groups = Map.groupBy(samples, groupOf);
  const sizes = [...groups].map(([name, members]) => {
    const answerable = members.filter((sample) => sample.answerable).length;
    return { name, counts: [answerable, members.length - answerable] as const, size: members.length };
  });
  for (const [at, kind] of (["answerable", "unanswerable"] as const).entries()) {
    const holding = sizes.filter(({ counts }) => (counts[at] ?? 0) > 0).length;
    if (holding < 2) {
      throw new CalibrationError(
        "too-few-groups",
        `the ${kind} questions lie in ${holding} group(s): folds are cut by group, so at least 2 are needed`,
      );
    }
  }
  const totals = [0, 1].map((at) => sizes.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0));
  const folds = Math.min(count, sizes.length);
  const load = Array.from({ length: folds }, () => [0, 0]);
  const foldOf = new Map<string, number>();
  const ordered = sizes.toSorted((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  for (const { name, counts } of ordered) {
    const cost = load.map((held) =>
      [0, 1].reduce((sum, at) => {
        const before = (held[at] ?? 0) / (totals[at] ?? 1);
        const after = ((held[at] ?? 0) + (counts[at] ?? 0)) / (totals[at] ?? 1);
        return sum + after ** 2 - before ** 2;
      }, 0),
    );
    const best = cost.indexOf(Math.min(...cost));
    foldOf.set(name, best);
    const held = load[best];
    if (held !== undefined) for (const at of [0, 1]) held[at] = (held[at] ?? 0) + (counts[at] ?? 0);
  }
  return { count: folds, of: samples.map((sample) => foldOf.get(groupOf(sample)) ?? 0) };
}

/** A sample's group, told apart from one of the same name in another set. */
export const groupOf = (sample: Sample): string => JSON.stringify([sample.set, sample.group]);

/**
 * Random folds: those that came with the questions when all of them have one, else drawn with the seed, by question (the two cases
 * of one question stay together).
 */
export function randomFolds(samples: readonly Sample[], count = 10, seed = 1): Folds {
  if (samples.every((sample) => sample.fold !== null)) {
    const names = [...new Set(samples.map((sample) => sample.fold ?? 0))].toSorted((a, b) => a - b);
    if (names.length > 1) return { count: names.length, of: samples.map(({ fold }) => names.indexOf(fold ?? 0)) };
  }
  const ids = [...new Set(samples.map(idOf))];
  const random = seededRandom(seed);
  for (let i = ids.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [ids[i], ids[j]] = [ids[j] ?? "", ids[i] ?? ""];
  }
  const used = Math.min(count, ids.length);
  const place = new Map(ids.map((id, at) => [id, at % used]));
  return { count: used, of: samples.map((sample) => place.get(idOf(sample)) ?? 0) };
}

const idOf = (sample: Sample): string => JSON.stringify([sample.set, sample.id]);

/** Fits a model on a part of the samples. */
export type FitPart = (samples: readonly Sample[]) => LinearModel;

/**
 * The log odds of each sample by a model that was fitted on the other folds alone.
 * @throws CalibrationError when the other folds of some fold cannot be fitted
 */
export function logitsOutOfFold(samples: readonly Sample[], folds: Folds, fitPart: FitPart): Float64Array {
  const logits = new Float64Array(samples.length);
  for (let fold = 0; fold < folds.count; fold++) {
    const model = fitPart(samples.filter((_, at) => folds.of[at] !== fold));
    samples.forEach(({ features }, at) => {
      if (folds.of[at] === fold) logits[at] = logOdds(model, features);
    });
  }
  return logits;
}

/** The probabilities behind {@link logitsOutOfFold}, rounded as a response shows them. */
export function outOfFold(samples: readonly Sample[], folds: Folds, fitPart: FitPart): Float64Array {
  return logitsOutOfFold(samples, folds, fitPart).map((logit) => round6(sigmoid(logit)));
}
