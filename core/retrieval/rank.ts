import { compareKeys } from "../document.ts";
import type { Candidate, RankedCandidate } from "./candidates.ts";
import { round6 } from "./round.ts";

/** Candidates that late interaction looks at, best first. */
export const lateDepth = 20;

/** First hits that speak for a query, the best one among them. */
export const hitsRead = 10;

/** What the weighted mean match of late interaction adds to the fused value, per unit. */
export const lateWeight = 0.8;

/**
 * Orders candidates by w·similarity + (1 − w)·BM25 / best BM25 of the candidates. The result is an order, never a confidence.
 * Fusion is by value, not by reciprocal rank, which lost to BM25 alone on several sets (docs/decisions/0010).
 * Ties are broken by document, then chunk, so that the order depends on nothing but the candidates.
 * @param denseWeight w of the model, 0 … 1
 */
export function rank(candidates: readonly Candidate[], denseWeight: number): RankedCandidate[] {
  const bestBm25 = candidates.reduce((best, candidate) => Math.max(best, candidate.bm25), 0);
  return candidates
    .map((candidate) => ({
      ...candidate,
      fused: round6(
        denseWeight * candidate.similarity + (1 - denseWeight) * (bestBm25 > 0 ? candidate.bm25 / bestBm25 : 0),
      ),
      late: null,
    }))
    .toSorted((a, b) => b.fused - a.fused || compareKeys(a.key, b.key) || a.chunk - b.chunk);
}

/** What the first candidates are ordered by. */
export function rankValue({ fused, late }: RankedCandidate): number {
  return fused + lateWeight * (late ?? 0);
}

/**
 * Orders the first candidates again, by fused + {@link lateWeight} · late. The others keep their places behind them.
 * @param late of the first candidates, in their order
 */
export function rerank(ranked: readonly RankedCandidate[], late: readonly number[]): RankedCandidate[] {
  const first = late.flatMap((value, place) => {
    const candidate = ranked[place];
    return candidate === undefined ? [] : [{ ...candidate, late: round6(value) }];
  });
  return [
    ...first.toSorted((a, b) => rankValue(b) - rankValue(a) || compareKeys(a.key, b.key) || a.chunk - b.chunk),
    ...ranked.slice(first.length),
  ];
}
