import { dayMs, futureToleranceMs } from "#core/trust/eligible.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { SourceTrust, TrustPolicy } from "#core/trust/trust-policy.ts";
import { allOf, anyOf, type Condition, type Filter, is, oneOf, within } from "./filter.ts";

/** Outside of what a date can be, on either side, and exact as a number. */
const never = 9e15;

/** What the quality gates look at, as every point carries it. */
export interface QualityFields {
  /** Empty without a claim; no tier has an empty name. */
  readonly authority: string;
  readonly review_state?: string;
  readonly owned: boolean;
  /** ms since the epoch; beyond every date for a document that does not expire, before every date for one whose date cannot be read. */
  readonly expires_at: number;
  readonly updated_at?: number;
}

/** The fields of a document's quality. */
export function qualityFields(quality: Quality): QualityFields {
  const { authority, reviewState, owner, expiresAt, updatedAt } = quality;
  const expires = expiresAt === null ? never : Date.parse(expiresAt);
  const updated = updatedAt === null ? Number.NaN : Date.parse(updatedAt);
  return {
    authority: authority ?? "",
    ...(reviewState === null ? {} : { review_state: reviewState }),
    owned: (owner ?? "").trim() !== "",
    expires_at: Number.isNaN(expires) ? -never : expires,
    ...(Number.isNaN(updated) ? {} : { updated_at: updated }),
  };
}

/**
 * Points that pass the quality gates: the same answers as `gateOf`, which a test compares. Sources with the same gates share a clause.
 */
export function eligibleIn(sources: readonly string[], trust: TrustPolicy, nowMs: number): Filter | "nothing" {
  if (!Number.isFinite(nowMs)) return "nothing";
  const byGates = new Map<string, { gates: readonly Condition[]; sources: string[] }>();
  for (const source of sources) {
    const entry = trust.sources.get(source);
    const gates = entry && gatesOf(entry, trust, nowMs);
    if (gates === undefined) continue;
    const name = JSON.stringify(gates);
    const same = byGates.get(name) ?? { gates, sources: [] };
    same.sources.push(source);
    byGates.set(name, same);
  }
  if (byGates.size === 0) return "nothing";
  const clauses = [...byGates.values()].map((group) => allOf([oneOf("source", group.sources), ...group.gates]));
  return anyOf([...clauses]);
}

/** The gates of one source, or `undefined` when none of its documents can pass. */
function gatesOf(source: SourceTrust, trust: TrustPolicy, nowMs: number): Condition[] | undefined {
  const lowest = trust.tiers.indexOf(source.minimumTier);
  const own = trust.tiers.indexOf(source.tier);
  if (own < 0 || lowest < 0 || own > lowest) return undefined;
  // A claim can lower the tier and never raise it: a claim above the source's own leaves that one.
  const gates: Condition[] = [oneOf("authority", ["", ...trust.tiers.slice(0, lowest + 1)])];
  if (source.reviewStates !== null) {
    if (source.reviewStates.length === 0) return undefined;
    gates.push(oneOf("review_state", source.reviewStates));
  }
  if (source.requireOwner) gates.push(is("owned", true));
  gates.push(within("expires_at", { gt: nowMs }));
  if (source.maxAgeDays !== null) {
    gates.push(within("updated_at", { gte: nowMs - source.maxAgeDays * dayMs, lte: nowMs + futureToleranceMs }));
  }
  return gates;
}
