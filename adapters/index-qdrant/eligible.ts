import { dayMs, futureToleranceMs } from "#core/trust/eligible.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { SourceTrust, TrustPolicy } from "#core/trust/trust-policy.ts";
import { type Condition, hasOther, is, oneOf, within } from "./filter.ts";

/** Before every date, and exact as a number. */
const beforeAll = -9e15;

/** What the quality gates look at, as every point carries it. */
export interface QualityFields {
  /** Absent without a claim. */
  readonly authority?: string;
  readonly review_state?: string;
  /** Absent without an owner. */
  readonly owned?: true;
  /** ms since the epoch; absent for a document that does not expire, before every date for one whose date cannot be read. */
  readonly expires_at?: number;
  readonly updated_at?: number;
}

/** The fields of a document's quality. */
export function qualityFields(quality: Quality): QualityFields {
  const { authority, reviewState, owner, expiresAt, updatedAt } = quality;
  const expires = expiresAt === null ? undefined : Date.parse(expiresAt);
  const updated = updatedAt === null ? Number.NaN : Date.parse(updatedAt);
  return {
    ...(authority === null ? {} : { authority }),
    ...(reviewState === null ? {} : { review_state: reviewState }),
    ...((owner ?? "").trim() === "" ? {} : { owned: true }),
    ...(expires === undefined ? {} : { expires_at: Number.isNaN(expires) ? beforeAll : expires }),
    ...(Number.isNaN(updated) ? {} : { updated_at: updated }),
  };
}

/** Sources with the same gates. */
export interface GatedSources {
  readonly sources: readonly string[];
  /** Conditions that hold, and that do not. What most documents do not say is asked for in the second way: it costs the server least. */
  readonly must: readonly Condition[];
  readonly mustNot: readonly Condition[];
}

/**
 * What a point has to say to pass the quality gates: the same answers as `gateOf`, which a test compares. Sources that nothing can pass in are in no group;
 * no group at all means that nothing passes.
 */
export function eligibleIn(sources: readonly string[], trust: TrustPolicy, nowMs: number): readonly GatedSources[] {
  if (!Number.isFinite(nowMs)) return [];
  const byGates = new Map<string, GatedSources & { sources: string[] }>();
  for (const source of sources) {
    const entry = trust.sources.get(source);
    const gates = entry && gatesOf(entry, trust, nowMs);
    if (gates === undefined) continue;
    const name = JSON.stringify(gates);
    const same = byGates.get(name) ?? { ...gates, sources: [] };
    same.sources.push(source);
    byGates.set(name, same);
  }
  return [...byGates.values()];
}

/** The gates of one source, or `undefined` when none of its documents can pass. */
function gatesOf(source: SourceTrust, trust: TrustPolicy, nowMs: number): Omit<GatedSources, "sources"> | undefined {
  const lowest = trust.tiers.indexOf(source.minimumTier);
  const own = trust.tiers.indexOf(source.tier);
  if (own < 0 || lowest < 0 || own > lowest) return undefined;
  const must: Condition[] = [];
  if (source.reviewStates !== null) {
    if (source.reviewStates.length === 0) return undefined;
    must.push(oneOf("review_state", source.reviewStates));
  }
  if (source.requireOwner) must.push(is("owned", true));
  if (source.maxAgeDays !== null) {
    must.push(within("updated_at", { gte: nowMs - source.maxAgeDays * dayMs, lte: nowMs + futureToleranceMs }));
  }
  return {
    must,
    mustNot: [
      // A claim can lower the tier and never raise it: a claim above the source's own leaves that one.
      hasOther("authority", trust.tiers.slice(0, lowest + 1)),
      within("expires_at", { lte: nowMs }),
    ],
  };
}
