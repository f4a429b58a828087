import type { Asked } from "./asking.ts";
import { type DataPair, groupOf } from "./dataset.ts";

/** A line of `--features`: what a calibration is fitted and checked on. Ids and numbers, no text. */
export interface FeatureLine {
  /** The query; where several users are judged, `query@user`. */
  readonly id: string;
  readonly set: string;
  readonly split: "calib" | "test";
  /** Random fold 0 … 9; `null` where the set has none. */
  readonly fold: number | null;
  /** What folds must not cut: the set's own group; where several users are judged and it has none, the query. */
  readonly group: string | null;
  readonly answerable: boolean;
  /** The service's own confidence. */
  readonly confidence: number;
  /** By name, as in the trace; `null` when the request failed. */
  readonly features: Readonly<Record<string, number>> | null;
  readonly kind: string;
  readonly user?: string;
}

/** One line per judged answer: per pair where the set judges pairs, else per query. */
export function featureLines(
  set: string,
  run: readonly Asked[],
  judged: readonly { readonly pair: DataPair; readonly one: Asked }[],
): readonly FeatureLine[] {
  const common = ({ query, score, features }: Asked) => ({
    set,
    split: query.split,
    fold: query.fold ?? null,
    confidence: score,
    features,
  });
  if (judged.length === 0) {
    return run.map((one) => ({
      id: one.query.id,
      ...common(one),
      group: groupOf(one.query),
      answerable: one.query.answerable,
      kind: one.query.kind,
    }));
  }
  return judged.map(({ pair, one }) => ({
    id: `${one.query.id}@${pair.user}`,
    ...common(one),
    group: groupOf(one.query) ?? one.query.id,
    answerable: pair.expect === "answer",
    kind: pair.kind,
    user: pair.user,
  }));
}
