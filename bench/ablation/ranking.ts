import { meanOf, ndcgAt, recallAt, type Statistic } from "#core/calibration/metrics.ts";
import type { Answer } from "./answers.ts";
import type { OrderName } from "./orders.ts";
import { drawsOf, type OverSets, overSets, resampled } from "./statistics.ts";

/** The two encoders of a run, by set in the same order, an empty list where one was not asked; only test questions are read. */
export interface RankingInput {
  readonly minilm: readonly (readonly Answer[])[];
  readonly hashed: readonly (readonly Answer[])[];
}

/** A way to rank, and how it did on the test questions that have an answer. */
export interface RankingRow {
  readonly name: string;
  readonly title: string;
  readonly ndcg_at_10: OverSets;
  readonly recall_at_5: OverSets;
}

const rows: readonly { name: string; title: string; encoder: keyof RankingInput; order: OrderName }[] = [
  { name: "late", title: "**fusion + late interaction** (as shipped)", encoder: "minilm", order: "late" },
  { name: "fused", title: "fusion by value", encoder: "minilm", order: "fused" },
  { name: "reciprocal", title: "reciprocal rank fusion", encoder: "minilm", order: "reciprocal" },
  { name: "dense", title: "dense alone", encoder: "minilm", order: "dense" },
  { name: "bm25", title: "BM25 alone", encoder: "minilm", order: "bm25" },
  { name: "hashed", title: "hashed encoder, fusion by value", encoder: "hashed", order: "fused" },
  { name: "hashed-dense", title: "hashed encoder, dense alone", encoder: "hashed", order: "dense" },
];

/** Judges every order on the test questions that have an answer; differences are to the order as shipped. */
export function rankingTable(input: RankingInput): readonly RankingRow[] {
  const judged = (sets: RankingInput["minilm"]) =>
    sets.map((answers) => answers.filter(({ split, sample }) => split === "test" && sample.answerable));
  const answers = { minilm: judged(input.minilm), hashed: judged(input.hashed) };
  const drawn = drawsOf(answers.minilm.map((set) => set.map(({ sample }) => sample)));
  const figures = { ndcg_at_10: ndcgAt, recall_at_5: recallAt };
  const of = (figure: keyof typeof figures, encoder: keyof RankingInput, order: OrderName) => {
    const [at, k] = [figures[figure], figure === "ndcg_at_10" ? 10 : 5];
    const statistic = (set: readonly Answer[]): Statistic =>
      meanOf(set, ({ ranked, relevant }) => at(k, ranked[order], relevant));
    return resampled(answers[encoder].map(statistic), drawn);
  };
  const shipped = { ndcg_at_10: of("ndcg_at_10", "minilm", "late"), recall_at_5: of("recall_at_5", "minilm", "late") };
  return rows
    .filter(({ encoder }) => input[encoder].some((set) => set.length > 0))
    .map(({ name, title, encoder, order }) => {
      const compared = (figure: keyof typeof figures) =>
        name === "late" ? overSets(shipped[figure], null) : overSets(of(figure, encoder, order), shipped[figure]);
      return { name, title, ndcg_at_10: compared("ndcg_at_10"), recall_at_5: compared("recall_at_5") };
    });
}

/** Whether both encoders were asked the same test questions in the same order: only then can they be compared. */
export function sameQuestions(a: readonly Answer[], b: readonly Answer[]): boolean {
  const ids = (answers: readonly Answer[]) =>
    answers.flatMap(({ split, sample }) => (split === "test" ? [sample.id] : [])).join("\n");
  return ids(a) === ids(b);
}
