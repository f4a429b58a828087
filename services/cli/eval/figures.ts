import { type Estimate, estimate, resamples } from "#core/calibration/bootstrap.ts";
import { auroc, type Judged, meanOf, type Statistic } from "#core/calibration/metrics.ts";
import type { Asked } from "./asking.ts";
import { type DataPair, type Dataset, groupOf } from "./dataset.ts";
import type { Mapping } from "./mapping.ts";
import { type MetricName, metricNames, metrics } from "./metric-list.ts";

/** Resamples of an interval, and the seed that makes them the same in every run. */
const draws = 1_000;
const seed = 20_240_501;

/** A judged answer with the kind that the set gives it. */
export interface Item extends Judged {
  /** The query that was asked. */
  readonly query: string;
  /** Who asked, where several did; else `null`. */
  readonly user: string | null;
  readonly kind: string;
  /** `answered`, the reason of an abstention, or `error`. */
  readonly result: string;
}

/** What the items of one kind came to. */
export interface KindEstimates {
  readonly items: number;
  readonly answerable: number;
  /** Share that was answered at the service's own gates. */
  readonly answered: Estimate;
  readonly recall_at_5: Estimate;
  readonly ndcg_at_10: Estimate;
}

/** The figures of one list of judged answers. Shares and areas, 0 … 1. */
export interface Figures extends Readonly<Record<MetricName, Estimate>> {
  readonly items: number;
  readonly answerable: number;
  /** What the intervals resample: groups where the set has them, else queries. With fewer than about 20 they are too narrow. */
  readonly clusters: number;
  /** AUROC of the answerable items against each kind of the unanswerable ones. */
  readonly auroc_by_kind: Readonly<Record<string, Estimate>>;
  readonly by_kind: Readonly<Record<string, KindEstimates>>;
}

/** Computes all figures; intervals resample whole clusters. */
export function figuresOf(items: readonly Item[]): Figures {
  const clusters = items.map((item) => item.cluster);
  const drawn = resamples(clusters, draws, seed);
  const on = (statistic: (items: readonly Judged[]) => Statistic, belongs: (item: Item) => boolean = () => true) => {
    const inside = items.flatMap((item, at) => (belongs(item) ? [at] : []));
    const chosen = items.filter(belongs);
    const weights = drawn.map((all) => Float64Array.from(inside, (at) => all[at] ?? 0));
    return estimate(statistic(chosen), chosen, weights);
  };
  const kindsOf = (chosen: readonly Item[]) => [...new Set(chosen.map((item) => item.kind))].toSorted();
  const wrongKinds = kindsOf(items.filter((item) => !item.answerable));
  const byKind = kindsOf(items).map((kind): [string, KindEstimates] => {
    const ofKind = (item: Item) => item.kind === kind;
    const chosen = items.filter(ofKind);
    return [
      kind,
      {
        items: chosen.length,
        answerable: chosen.filter((item) => item.answerable).length,
        answered: on((some) => meanOf(some, (item) => Number(item.answered)), ofKind),
        recall_at_5: on(metrics.recall_at_5.statistic, ofKind),
        ndcg_at_10: on(metrics.ndcg_at_10.statistic, ofKind),
      },
    ];
  });
  const all = (name: MetricName) => estimate(metrics[name].statistic(items), items, drawn);
  return {
    items: items.length,
    answerable: items.filter((item) => item.answerable).length,
    clusters: new Set(clusters).size,
    ...estimates(all),
    auroc_by_kind:
      wrongKinds.length < 2
        ? {}
        : Object.fromEntries(
            wrongKinds.map((kind) => [kind, on(auroc, (item) => item.answerable || item.kind === kind)]),
          ),
    by_kind: Object.fromEntries(byKind),
  };
}

function estimates(of: (name: MetricName) => Estimate): Record<MetricName, Estimate> {
  const found: Partial<Record<MetricName, Estimate>> = {};
  for (const name of metricNames) found[name] = of(name);
  return complete(found);
}

function complete(found: Partial<Record<MetricName, Estimate>>): Record<MetricName, Estimate> {
  const whole = (values: typeof found): values is Record<MetricName, Estimate> =>
    metricNames.every((name) => values[name] !== undefined);
  if (!whole(found)) throw new Error("a figure is missing");
  return found;
}

/** The key of what one user got for one query. */
export const pairKey = (user: string, query: string): string => JSON.stringify([user, query]);

function itemOf(asked: Asked) {
  return {
    query: asked.query.id,
    score: asked.score,
    answered: asked.outcome === "answered",
    result: asked.reason ?? asked.outcome,
    hits: asked.hits,
    cluster: groupOf(asked.query) ?? asked.query.id,
  };
}

/** A query's own judgement: every relevant document counts, whoever may see it. */
export function itemOfQuery(asked: Asked): Item {
  const { answerable, relevant, kind } = asked.query;
  return { ...itemOf(asked), user: null, answerable, relevant, kind };
}

/** The judgement of a pair: only what this user may see counts, and an answer is expected only where some of it is. */
export function itemOfPair(pair: DataPair, asked: Asked): Item {
  return {
    ...itemOf(asked),
    user: pair.user,
    answerable: pair.expect === "answer",
    relevant: pair.visibleRelevant,
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
