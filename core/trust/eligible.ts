import { type DocumentKey, keyString } from "../document.ts";
import type { Quality } from "./quality.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** What the quality gates look at in a document. */
export interface QualitySubject {
  readonly source: string;
  readonly quality: Quality;
}

/** Which quality gate a document failed first. `superseded` is found by {@link supersededKeys}, over several documents. */
export type QualityGate =
  | { readonly gate: "eligible" }
  | { readonly gate: "untrusted"; readonly why: "unknown_source" | "tier" | "review_state" | "owner" }
  | { readonly gate: "stale"; readonly why: "expired" | "max_age" };

/** A day, ms. */
export const dayMs = 24 * 60 * 60 * 1000;
/** How far ahead of our clock a document's date may lie, ms: time zones and clock skew, no more. */
export const futureToleranceMs = dayMs;

/** Place of a tier, 0 = highest; +∞ for one that is not declared, so that it is below every minimum. */
function rank(trust: TrustPolicy, tier: string): number {
  const place = trust.tiers.indexOf(tier);
  return place < 0 ? Number.POSITIVE_INFINITY : place;
}

/**
 * A document's authority tier: the lower of its source's and its own claim; a claim can lower it, never raise it.
 * @returns the tier, or `undefined` when the source or the claimed tier is not declared: such a document is below every tier.
 */
export function effectiveTier({ source, quality }: QualitySubject, trust: TrustPolicy): string | undefined {
  const own = trust.sources.get(source)?.tier;
  if (own === undefined || !trust.tiers.includes(own)) return undefined;
  if (quality.authority === null) return own;
  if (!trust.tiers.includes(quality.authority)) return undefined;
  return rank(trust, quality.authority) > rank(trust, own) ? quality.authority : own;
}

/**
 * Asks the quality gates in their fixed order: source, tier, review state, owner (`untrusted`), then expiry and age (`stale`).
 * Every comparison fails closed: an instant or a clock that cannot be read is stale, and so is a document whose date lies more
 * than a day ahead while an age limit applies (it would never grow old).
 * @param nowMs milliseconds since the epoch
 */
export function gateOf(subject: QualitySubject, trust: TrustPolicy, nowMs: number): QualityGate {
  const { quality } = subject;
  const source = trust.sources.get(subject.source);
  if (source === undefined) return { gate: "untrusted", why: "unknown_source" };

  const tier = effectiveTier(subject, trust);
  const minimum = rank(trust, source.minimumTier);
  if (tier === undefined || !Number.isFinite(minimum) || !(rank(trust, tier) <= minimum)) {
    return { gate: "untrusted", why: "tier" };
  }
  const states = source.reviewStates;
  if (states !== null && (quality.reviewState === null || !states.includes(quality.reviewState))) {
    return { gate: "untrusted", why: "review_state" };
  }
  if (source.requireOwner && (quality.owner ?? "").trim() === "") return { gate: "untrusted", why: "owner" };

  if (!Number.isFinite(nowMs)) return { gate: "stale", why: "expired" };
  if (quality.expiresAt !== null && !(nowMs < Date.parse(quality.expiresAt))) return { gate: "stale", why: "expired" };
  if (source.maxAgeDays !== null) {
    const ageMs = quality.updatedAt === null ? Number.NaN : nowMs - Date.parse(quality.updatedAt);
    if (!(ageMs <= source.maxAgeDays * dayMs && ageMs >= -futureToleranceMs)) return { gate: "stale", why: "max_age" };
  }
  return { gate: "eligible" };
}

/**
 * When {@link gateOf} may give another answer than at `nowMs`: it gives the same one at every later instant before that. +∞ when it never
 * will; `nowMs` itself when that lies exactly on the edge.
 */
export function gateChangesAt({ source, quality }: QualitySubject, trust: TrustPolicy, nowMs: number): number {
  const instants: number[] = [];
  if (quality.expiresAt !== null) instants.push(Date.parse(quality.expiresAt));
  const maxAgeDays = trust.sources.get(source)?.maxAgeDays ?? null;
  if (maxAgeDays !== null && quality.updatedAt !== null) {
    const updated = Date.parse(quality.updatedAt);
    instants.push(updated - futureToleranceMs, updated + maxAgeDays * dayMs);
  }
  // An instant that cannot be read is NaN, and never compares: such a document is stale for good.
  return instants.reduce((next, instant) => (instant >= nowMs && instant < next ? instant : next), Infinity);
}

/** A document as supersession sees it. */
export interface SupersessionSubject {
  readonly key: DocumentKey;
  readonly quality: Quality;
}

/**
 * Which of the given documents are superseded by another one of them. Only direct links count; the replacement must pass its own
 * quality gates and be of the same source, or of a strictly higher tier than the document that it replaces. Nothing supersedes
 * itself, and of two documents that name each other neither does.
 * @param documents what one caller can see of the live documents: a replacement that is not among them has no effect
 * @param nowMs milliseconds since the epoch
 * @returns the `keyString` of every superseded document
 */
export function supersededKeys(
  documents: Iterable<SupersessionSubject>,
  trust: TrustPolicy,
  nowMs: number,
): ReadonlySet<string> {
  const superseded = new Set<string>();
  const byKey = new Map<string, SupersessionSubject>();
  const replacing: SupersessionSubject[] = [];
  for (const document of documents) {
    byKey.set(keyString(document.key), document);
    if (document.quality.supersedes.length > 0) replacing.push(document);
  }
  for (const replacement of replacing) {
    const subject = { source: replacement.key.source, quality: replacement.quality };
    if (gateOf(subject, trust, nowMs).gate !== "eligible") continue;
    for (const link of replacement.quality.supersedes) {
      const key = keyString({ tenant: replacement.key.tenant, source: link.source, id: link.id });
      const replaced = byKey.get(key);
      if (replaced === undefined || key === keyString(replacement.key)) continue;
      if (names(replaced, replacement)) continue;
      if (replaced.key.source === replacement.key.source || isHigher(replacement, replaced, trust)) superseded.add(key);
    }
  }
  return superseded;
}

function names(document: SupersessionSubject, other: SupersessionSubject): boolean {
  return document.quality.supersedes.some((link) => link.source === other.key.source && link.id === other.key.id);
}

function isHigher(a: SupersessionSubject, b: SupersessionSubject, trust: TrustPolicy): boolean {
  const place = (document: SupersessionSubject): number => {
    const tier = effectiveTier({ source: document.key.source, quality: document.quality }, trust);
    return tier === undefined ? Number.POSITIVE_INFINITY : rank(trust, tier);
  };
  return place(a) < place(b);
}
