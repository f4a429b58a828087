import {
  answeredAtFalseAnswerRate,
  auroc,
  falseAbstentionRate,
  falseAnswerRate,
  falseAnswersAtAnsweredRate,
  type Judged,
  meanOf,
  ndcgAt,
  recallAt,
  reciprocalRankAt,
  type Statistic,
  successAt1,
  yieldAtRisk,
} from "#core/calibration/metrics.ts";
import { aurc, expectedCalibrationError } from "./curves.ts";

/** One figure over judged answers, 0 … 1. */
export interface Metric {
  /** For a person. */
  readonly title: string;
  readonly better: "higher" | "lower";
  /** The figure over some items; made once and asked for many lists of weights. */
  statistic(items: readonly Judged[]): Statistic;
}

const ranking =
  (value: (hits: readonly string[], relevant: readonly string[]) => number) =>
  (items: readonly Judged[]): Statistic =>
    meanOf(items, (item) => (item.answerable ? value(item.hits, item.relevant) : Number.NaN));

/** Every figure of an evaluation by its name in the report, in the order in which they are shown. */
export const metrics = {
  recall_at_1: { title: "Recall@1", better: "higher", statistic: ranking((...lists) => recallAt(1, ...lists)) },
  recall_at_5: { title: "Recall@5", better: "higher", statistic: ranking((...lists) => recallAt(5, ...lists)) },
  recall_at_10: { title: "Recall@10", better: "higher", statistic: ranking((...lists) => recallAt(10, ...lists)) },
  ndcg_at_10: { title: "nDCG@10", better: "higher", statistic: ranking((...lists) => ndcgAt(10, ...lists)) },
  success_at_1: { title: "success@1", better: "higher", statistic: ranking(successAt1) },
  mrr_at_10: { title: "MRR@10", better: "higher", statistic: ranking((...lists) => reciprocalRankAt(10, ...lists)) },
  auroc: { title: "AUROC", better: "higher", statistic: auroc },
  answered_at_far5: {
    title: "answered@far5",
    better: "higher",
    statistic: (items) => answeredAtFalseAnswerRate(items, 0.05),
  },
  far_at_95answered: {
    title: "far@95answered",
    better: "lower",
    statistic: (items) => falseAnswersAtAnsweredRate(items, 0.95),
  },
  yield_at_risk5: { title: "yield@risk5", better: "higher", statistic: (items) => yieldAtRisk(items, 0.05) },
  aurc: { title: "AURC", better: "lower", statistic: aurc },
  ece: { title: "ECE", better: "lower", statistic: expectedCalibrationError },
  false_answer_rate: { title: "false answers", better: "lower", statistic: falseAnswerRate },
  false_abstention_rate: { title: "false abstentions", better: "lower", statistic: falseAbstentionRate },
} as const satisfies Readonly<Record<string, Metric>>;

/** The name of a figure. */
export type MetricName = keyof typeof metrics;

/** The names of {@link metrics}, typed. */
export const metricNames: readonly MetricName[] = Object.keys(metrics).filter(
  (name): name is MetricName => name in metrics,
);
