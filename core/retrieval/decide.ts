import type { CandidateGate } from "../ports/trace.ts";
import type { RankedCandidate } from "./candidates.ts";
import type { AbstainReason } from "./response.ts";

/** The two gates of an answer: the model's raw cosine floor and the threshold on confidence. */
export interface Gates {
  readonly floor: number;
  readonly threshold: number;
}

/** What the gates decided about one search. */
export type Decision =
  | { readonly outcome: "answered"; readonly survivors: readonly RankedCandidate[] }
  | {
      readonly outcome: "abstained";
      readonly reason: Extract<AbstainReason, "no_match" | "below_similarity" | "low_confidence">;
    };

/**
 * Applies both gates, in this order: no candidate, no candidate above the floor, confidence below the threshold.
 * Written as `!(x >= gate)`, so that a NaN on either side fails.
 */
export function decide(ranked: readonly RankedCandidate[], confidence: number, gates: Gates): Decision {
  if (ranked.length === 0) return { outcome: "abstained", reason: "no_match" };
  const survivors = ranked.filter((candidate) => passesFloor(candidate, gates));
  if (survivors.length === 0) return { outcome: "abstained", reason: "below_similarity" };
  if (!(confidence >= gates.threshold)) return { outcome: "abstained", reason: "low_confidence" };
  return { outcome: "answered", survivors };
}

/** Whether a candidate's raw cosine reaches the model's floor. */
export function passesFloor(candidate: RankedCandidate, gates: Gates): boolean {
  return !!(candidate.similarity >= gates.floor);
}

/**
 * The reason when the search over all visible documents would have answered: the quality gate that dropped its best candidate,
 * or `undefined` when no candidate above the floor was dropped by one.
 */
export function trustReason(
  survivors: readonly RankedCandidate[],
): Extract<AbstainReason, "stale" | "untrusted"> | undefined {
  const dropped = survivors.find((candidate) => candidate.trustGate !== "eligible");
  return dropped === undefined || dropped.trustGate === "eligible" ? undefined : dropped.trustGate;
}

/** The gate of each candidate that is not returned by an answer or an abstention. */
export function gateOfCandidate(candidate: RankedCandidate, gates: Gates, decision: Decision): CandidateGate {
  if (candidate.trustGate !== "eligible") return candidate.trustGate;
  if (!passesFloor(candidate, gates)) return "floor";
  return decision.outcome === "abstained" ? "confidence" : "top_k";
}
