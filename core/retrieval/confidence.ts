import type { Features } from "./features.ts";

/** A confidence and where it comes from. */
export interface ConfidenceModel {
  readonly state: "calibrated" | "uncalibrated";
  /** What it was fitted on and when; `null` while uncalibrated. */
  readonly fittedOn: string | null;
  readonly fittedAt: string | null;
  /** 0 … 1. */
  confidence(features: Features): number;
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
