import { featureNames } from "./features.ts";

/** Numbers that tell of the size of the corpus, or of the length of the query, and nothing of how well one meets the other. */
const ofTheCorpus: ReadonlySet<string> = new Set(["visible_chunks", "query_terms", "best_bm25", "highest_bm25"]);

/** Features that a calibration may name: not all that a trace keeps. */
export const calibratedFeatures: readonly string[] = featureNames(true).filter((name) => !ofTheCorpus.has(name));

/** A confidence and where it comes from. */
export interface ConfidenceModel {
  readonly state: "calibrated" | "uncalibrated";
  /** What it was fitted on and when; `null` while uncalibrated. */
  readonly fittedOn: string | null;
  readonly fittedAt: string | null;
  /** 0 … 1; NaN, which passes no gate, when a feature that it needs is absent or not finite. */
  confidence(features: Readonly<Record<string, number>>): number;
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
