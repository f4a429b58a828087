import { quantile } from "#core/calibration/metrics.ts";
import type { Asked } from "./asking.ts";

/** What pairs of one kind got: for comparing hidden documents with missing ones. */
export interface KindFigures {
  readonly pairs: number;
  /** `answered`, or the reason of the abstention, with its count. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Candidates in the user's own traces, median. */
  readonly median_candidates: number | null;
  readonly median_confidence: number | null;
  /** Different shapes of responses (keys and kinds of values) among them; one per outcome is expected. */
  readonly shapes: readonly string[];
}

/** Sums up the answers by the kind of their pair. */
export function kindFigures(
  judged: readonly { readonly pair: { readonly kind: string }; readonly one: Asked }[],
): Readonly<Record<string, KindFigures>> {
  const kinds = Map.groupBy(judged, ({ pair }) => pair.kind);
  const median = (values: readonly number[]) => (values.length === 0 ? null : quantile(values, 0.5));
  return Object.fromEntries(
    [...kinds].toSorted().map(([kind, all]): [string, KindFigures] => {
      const outcomes: Record<string, number> = {};
      for (const { one } of all) {
        const name = one.reason ?? one.outcome;
        outcomes[name] = (outcomes[name] ?? 0) + 1;
      }
      return [
        kind,
        {
          pairs: all.length,
          outcomes,
          median_candidates: median(all.flatMap(({ one }) => one.candidates)),
          median_confidence: median(all.map(({ one }) => one.score)),
          shapes: [...new Set(all.flatMap(({ one }) => one.shapes))].toSorted(),
        },
      ];
    }),
  );
}
