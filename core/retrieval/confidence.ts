import { highestPossible, inverseDocumentFrequency } from "../text/bm25.ts";
import type { CandidateSet } from "./candidates.ts";
import { round6 } from "./round.ts";

/**
 * Features that a calibration may name. Not all that a trace keeps: how many chunks there are, for one, tells of the corpus and
 * nothing of the question.
 */
export const calibratedFeatures: readonly string[] = [
  "best_bm25",
  "bm25_ratio",
  "best_similarity",
  "query_terms",
  "missing_terms",
];

/** Numbers that a confidence is made from; all of them depend on visible chunks alone. Kept in the trace. */
export type Features = {
  /** Best BM25 of the candidates. */
  readonly best_bm25: number;
  /** The BM25 that a chunk with every query term, infinitely often, would approach. */
  readonly highest_bm25: number;
  /** best / highest, 0 … 1. */
  readonly bm25_ratio: number;
  /** Best raw cosine of the candidates, −1 … 1; 0 without candidates. */
  readonly best_similarity: number;
  /** Chunks that the filter selects. */
  readonly visible_chunks: number;
  readonly query_terms: number;
  /** Query terms that no chunk of the filter has. */
  readonly missing_terms: number;
};

/** A confidence and where it comes from. */
export interface ConfidenceModel {
  readonly state: "calibrated" | "uncalibrated";
  /** What it was fitted on and when; `null` while uncalibrated. */
  readonly fittedOn: string | null;
  readonly fittedAt: string | null;
  /** 0 … 1; NaN, which passes no gate, when a feature that it needs is absent or not finite. */
  confidence(features: Readonly<Record<string, number>>): number;
}

/** Features of one search. */
export function featuresOf(set: CandidateSet): Features {
  const { chunks, documentFrequency } = set.statistics;
  const idf = documentFrequency.map((frequency) => inverseDocumentFrequency(chunks, frequency));
  const highest = highestPossible(idf);
  const best = set.candidates.reduce((most, candidate) => Math.max(most, candidate.bm25), 0);
  const similarity = set.candidates.reduce((most, candidate) => Math.max(most, candidate.similarity), -1);
  return {
    best_bm25: round6(best),
    highest_bm25: round6(highest),
    bm25_ratio: highest > 0 ? round6(Math.min(1, best / highest)) : 0,
    best_similarity: set.candidates.length === 0 ? 0 : similarity,
    visible_chunks: chunks,
    query_terms: documentFrequency.length,
    missing_terms: documentFrequency.filter((frequency) => frequency === 0).length,
  };
}

/**
 * Until a calibration is published: the best visible BM25 over the query's highest possible BM25. It grows with the share of the
 * query's informative terms that one visible chunk holds. A documented figure, not a probability.
 */
export const uncalibrated: ConfidenceModel = {
  state: "uncalibrated",
  fittedOn: null,
  fittedAt: null,
  confidence: (features) => features.bm25_ratio ?? Number.NaN,
};
