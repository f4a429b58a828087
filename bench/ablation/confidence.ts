import { scoredBy } from "#core/calibration/figures.ts";
import { fitModel, probability } from "#core/calibration/linear-model.ts";
import { answeredAtFalseAnswerRate, auroc } from "#core/calibration/metrics.ts";
import type { Sample } from "#core/calibration/sample.ts";
import { calibratedFeatures, uncalibrated } from "#core/retrieval/confidence.ts";
import { round6 } from "#core/retrieval/round.ts";
import type { Answer } from "./answers.ts";
import { featuresOf, groupNames, groupTitles } from "./groups.ts";
import { drawsOf, type OverSets, overSets, type Resampled, resampled } from "./statistics.ts";

/** C of the penalty for constants that are to carry over to other corpora, as shipped. */
const regularisation = 0.003;
/** C for questions about the very corpus that is served. */
const ownRegularisation = 0.03;

/** A confidence, and how it told the test questions with an answer from those without. */
export interface ConfidenceRow {
  readonly name: string;
  readonly title: string;
  readonly auroc: OverSets;
  readonly answered_at_far5: OverSets;
}

/** The confidence of a question of one set. */
type Score = (sample: Sample, set: number) => number;

/** What all rows are made from. */
export interface ConfidenceInput {
  /** Answers by set. */
  readonly sets: readonly (readonly Answer[])[];
  /** The sets that are left out together with each one: itself, and those over the same documents. */
  readonly together: readonly (readonly number[])[];
}

/** The three parts of the table. */
export interface ConfidenceTable {
  /** Where the constants come from, with all features. */
  readonly fits: readonly ConfidenceRow[];
  /** Without one group of features, differences to all of them. */
  readonly without: readonly ConfidenceRow[];
  /** With one group alone, differences to all of them. */
  readonly alone: readonly ConfidenceRow[];
}

/** Fits on calibration questions alone and judges on test questions, for every row of the table. */
export function confidenceTable({ sets, together }: ConfidenceInput): ConfidenceTable {
  const part = (split: Answer["split"]) =>
    sets.map((answers) => answers.flatMap((answer) => (answer.split === split ? [answer.sample] : [])));
  const [calib, test] = [part("calib"), part("test")];
  const drawn = drawsOf(test);
  const fitted = (samples: readonly Sample[], names: readonly string[], c = regularisation): Score => {
    const model = fitModel(samples, names, { regularisation: c, balanced: true, constant: "no-weight" });
    return ({ features }) => round6(probability(model, features));
  };
  const judge = (score: Score): Record<"auroc" | "answered_at_far5", Resampled> => {
    const items = test.map((samples, set) =>
      scoredBy(
        samples,
        samples.map((sample) => score(sample, set)),
      ),
    );
    return {
      auroc: resampled(items.map(auroc), drawn),
      answered_at_far5: resampled(
        items.map((some) => answeredAtFalseAnswerRate(some, 0.05)),
        drawn,
      ),
    };
  };
  const pooled = calib.flat();
  const all = judge(fitted(pooled, calibratedFeatures));
  const row = (name: string, title: string, judged: typeof all): ConfidenceRow => {
    const compared = judged === all ? null : all;
    return {
      name,
      title,
      auroc: overSets(judged.auroc, compared?.auroc ?? null),
      answered_at_far5: overSets(judged.answered_at_far5, compared?.answered_at_far5 ?? null),
    };
  };
  const bySet = (score: (set: number) => Score): Score => {
    const scores = sets.map((_, set) => score(set));
    return (sample, set) => scores[set]?.(sample, set) ?? Number.NaN;
  };
  const own = (name: string, c: number) =>
    row(name, `the set's own labels, C ${c}`, judge(bySet((set) => fitted(calib[set] ?? [], calibratedFeatures, c))));
  const others = (set: number) => calib.filter((_, at) => together[set]?.includes(at) !== true).flat();
  const leftOut = sets.every((_, set) => others(set).length > 0);
  return {
    fits: [
      row(
        "uncalibrated",
        "uncalibrated score",
        judge(({ features }) => uncalibrated.confidence(features)),
      ),
      own("own", regularisation),
      own("own-weaker", ownRegularisation),
      row("all", "**all sets**", all),
      ...(leftOut
        ? [row("others", "all other sets", judge(bySet((set) => fitted(others(set), calibratedFeatures))))]
        : []),
    ],
    without: [
      row("all", "**all features**", all),
      ...groupNames.map((group) => {
        const kept = featuresOf(...groupNames.filter((name) => name !== group));
        return row(`without-${group}`, `without ${groupTitles[group]}`, judge(fitted(pooled, kept)));
      }),
    ],
    alone: [
      ...groupNames.map((group) => row(`only-${group}`, groupTitles[group], judge(fitted(pooled, featuresOf(group))))),
      row(
        "only-terms",
        "all that needs no vector (BM25, coverage, pairs)",
        judge(fitted(pooled, featuresOf("lexical", "coverage", "pairs"))),
      ),
    ],
  };
}

/** Two sets speak of the same documents when this share of the smaller one's relevant documents is known to the other by name. */
const sameShare = 0.1;

/** For each set, itself and the sets that have documents in common with it: left out alone, it would still have been fitted on. */
export function togetherWith(sets: readonly (readonly Answer[])[]): readonly (readonly number[])[] {
  const documents = sets.map((answers) => new Set(answers.flatMap(({ relevant }) => relevant)));
  const common = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
    a.intersection(b).size >= sameShare * Math.max(1, Math.min(a.size, b.size));
  return documents.map((own, set) => documents.flatMap((other, at) => (at === set || common(own, other) ? [at] : [])));
}
