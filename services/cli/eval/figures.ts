import { type Estimate, estimate, resamples } from "#core/calibration/bootstrap.ts";
import {
  answeredAtFalseAnswerRate,
  auroc,
  falseAbstentionRate,
  falseAnswerRate,
  type Judged,
  meanOf,
  ndcgAt,
  recallAt,
  reciprocalRankAt,
  type Statistic,
  successAt1,
  yieldAtRisk,
} from "#core/calibration/metrics.ts";
import type { Asked } from "./asking.ts";
import type { DataPair, Dataset } from "./dataset.ts";
import type { Mapping } from "./mapping.ts";

/** Resamples of an interval, and the seed that makes them the same in every run. */
const draws = 1_000;
const seed = 20_240_501;

/** The figures of one list of judged answers. Shares and areas, 0 … 1. */
export interface Figures {
  readonly items: number;
  readonly answerable: number;
  readonly recall_at_5: Estimate;
  readonly ndcg_at_10: Estimate;
  readonly success_at_1: Estimate;
  readonly mrr_at_10: Estimate;
  readonly auroc: Estimate;
  /** AUROC of the answerable items against each kind of the unanswerable ones. */
  readonly auroc_by_kind: Readonly<Record<string, Estimate>>;
  readonly answered_at_far5: Estimate;
  readonly yield_at_risk5: Estimate;
  readonly false_answer_rate: Estimate;
  readonly false_abstention_rate: Estimate;
}

/** A judged answer with the kind that the set gives it. */
export interface Item extends Judged {
  readonly kind: string;
}

/** Computes all figures; intervals resample whole clusters (queries). */
export function figuresOf(items: readonly Item[]): Figures {
  const drawn = resamples(
    items.map((item) => item.cluster),
    draws,
    seed,
  );
  const of = (statistic: Statistic) => estimate(statistic, items, drawn);
  const onAnswerable = (value: (hits: readonly string[], relevant: readonly string[]) => number) =>
    of(meanOf(items, (item) => (item.answerable ? value(item.hits, item.relevant) : Number.NaN)));
  const kinds = [...new Set(items.filter((item) => !item.answerable).map((item) => item.kind))].toSorted();
  const aurocOfKind = (kind: string) => {
    const chosen = items.filter((item) => item.answerable || item.kind === kind);
    const inside = items.flatMap((item, at) => (item.answerable || item.kind === kind ? [at] : []));
    const weights = drawn.map((all) => Float64Array.from(inside, (at) => all[at] ?? 0));
    return estimate(auroc(chosen), chosen, weights);
  };
  return {
    items: items.length,
    answerable: items.filter((item) => item.answerable).length,
    recall_at_5: onAnswerable((hits, relevant) => recallAt(5, hits, relevant)),
    ndcg_at_10: onAnswerable((hits, relevant) => ndcgAt(10, hits, relevant)),
    success_at_1: onAnswerable(successAt1),
    mrr_at_10: onAnswerable((hits, relevant) => reciprocalRankAt(10, hits, relevant)),
    auroc: of(auroc(items)),
    auroc_by_kind: kinds.length < 2 ? {} : Object.fromEntries(kinds.map((kind) => [kind, aurocOfKind(kind)])),
    answered_at_far5: of(answeredAtFalseAnswerRate(items, 0.05)),
    yield_at_risk5: of(yieldAtRisk(items, 0.05)),
    false_answer_rate: of(falseAnswerRate(items)),
    false_abstention_rate: of(falseAbstentionRate(items)),
  };
}

/** The key of what one user got for one query. */
export const pairKey = (user: string, query: string): string => JSON.stringify([user, query]);

/** A query's own judgement: every relevant document counts, whoever may see it. */
export function itemOfQuery(asked: Asked): Item {
  return {
    score: asked.score,
    answerable: asked.query.answerable,
    answered: asked.outcome === "answered",
    hits: asked.hits,
    relevant: asked.query.relevant,
    cluster: asked.query.id,
    kind: asked.query.kind,
  };
}

/** The judgement of a pair: only what this user may see counts, and an answer is expected only where some of it is. */
export function itemOfPair(pair: DataPair, asked: Asked): Item {
  return {
    score: asked.score,
    answerable: pair.expect === "answer",
    answered: asked.outcome === "answered",
    hits: asked.hits,
    relevant: pair.visibleRelevant,
    cluster: asked.query.id,
    kind: pair.kind,
  };
}

/** The pairs of a set with access lists: its own file, or every user with every query, judged by the oracle. */
export function pairsOf(set: Dataset, mapping: Mapping): readonly DataPair[] {
  if (set.access === undefined || set.pairs.length > 0) return set.pairs;
  return mapping.users.flatMap((user) =>
    set.queries.map((query): DataPair => {
      const visibleRelevant = query.relevant.filter((id) => user.visible.has(id));
      const whole = visibleRelevant.length === query.relevant.length;
      return {
        id: pairKey(user.id, query.id),
        user: user.id,
        queryId: query.id,
        visibleRelevant,
        expect: visibleRelevant.length > 0 ? "answer" : "abstain",
        kind: !query.answerable
          ? query.kind
          : visibleRelevant.length === 0
            ? "hidden-by-acl"
            : whole
              ? "answer-full"
              : "answer-partial",
      };
    }),
  );
}
