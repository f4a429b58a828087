import * as fc from "fast-check";
import { expect, test } from "vitest";
import { keyString } from "../document.ts";
import { effectiveTier, gateChangesAt, gateOf, supersededKeys } from "./eligible.ts";
import type { Quality } from "./quality.ts";
import type { SourceTrust, TrustPolicy } from "./trust-policy.ts";

const now = Date.parse("2026-06-01T00:00:00.000Z");
const gates: SourceTrust = {
  tier: "reference",
  minimumTier: "team",
  reviewStates: ["approved"],
  maxAgeDays: 30,
  requireOwner: true,
  frontMatter: [],
};
const trust: TrustPolicy = {
  tiers: ["reference", "team", "unverified"],
  sources: new Map([
    ["handbook", gates],
    ["wiki", { ...gates, tier: "team", requireOwner: false, maxAgeDays: null, reviewStates: null }],
    ["forum", { ...gates, tier: "unverified", minimumTier: "unverified", requireOwner: false, maxAgeDays: null }],
    ["broken", { ...gates, tier: "gone" }],
    ["broken-minimum", { ...gates, minimumTier: "gone" }],
  ]),
  models: new Map(),
};
const good: Quality = {
  authority: null,
  reviewState: "approved",
  updatedAt: "2026-05-20T00:00:00.000Z",
  expiresAt: null,
  owner: "people-team",
  supersedes: [],
};
const gate = (change: Partial<Quality>, source = "handbook", at = now) =>
  gateOf({ source, quality: { ...good, ...change } }, trust, at);

test("a document that passes every gate is eligible", () => {
  expect(gate({})).toEqual({ gate: "eligible" });
});

test("each gate gives its own reason, in the fixed order", () => {
  expect(gate({}, "nowhere")).toEqual({ gate: "untrusted", why: "unknown_source" });
  const everything = {
    authority: "unverified",
    reviewState: "draft",
    owner: null,
    expiresAt: "2020-01-01T00:00:00.000Z",
  };
  expect(gate(everything)).toEqual({ gate: "untrusted", why: "tier" });
  expect(gate({ ...everything, authority: null })).toEqual({ gate: "untrusted", why: "review_state" });
  expect(gate({ ...everything, authority: null, reviewState: "approved" })).toEqual({
    gate: "untrusted",
    why: "owner",
  });
  expect(gate({ expiresAt: "2020-01-01T00:00:00.000Z", updatedAt: "2020-01-01T00:00:00.000Z" })).toEqual({
    gate: "stale",
    why: "expired",
  });
  expect(gate({ updatedAt: "2026-04-01T00:00:00.000Z" })).toEqual({ gate: "stale", why: "max_age" });
});

test("what an active gate needs and a document lacks fails the gate", () => {
  expect(gate({ reviewState: null })).toMatchObject({ why: "review_state" });
  expect(gate({ owner: "  " })).toMatchObject({ why: "owner" });
  expect(gate({ updatedAt: null })).toMatchObject({ why: "max_age" });
});

test("a gate that is switched off asks nothing", () => {
  expect(gate({ reviewState: null, owner: null, updatedAt: null }, "wiki")).toEqual({ gate: "eligible" });
});

test("expiry counts from its very instant on, and the maximum age to its very end", () => {
  expect(gate({ expiresAt: "2026-06-01T00:00:00.000Z" })).toMatchObject({ why: "expired" });
  expect(gate({ expiresAt: "2026-06-01T00:00:00.001Z" })).toEqual({ gate: "eligible" });
  expect(gate({ updatedAt: "2026-05-02T00:00:00.000Z" })).toEqual({ gate: "eligible" });
  expect(gate({ updatedAt: "2026-05-01T23:59:59.999Z" })).toMatchObject({ why: "max_age" });
});

test("instants that cannot be read, a future date and a broken clock are stale", () => {
  expect(gate({ expiresAt: "soon" })).toMatchObject({ gate: "stale", why: "expired" });
  expect(gate({ updatedAt: "yesterday" })).toMatchObject({ gate: "stale", why: "max_age" });
  expect(gate({ updatedAt: "9999-01-01T00:00:00.000Z" })).toMatchObject({ gate: "stale", why: "max_age" });
  expect(gate({ updatedAt: "2026-06-01T12:00:00.000Z" })).toEqual({ gate: "eligible" });
  expect(gate({}, "wiki", Number.NaN)).toMatchObject({ gate: "stale" });
});

test("a claim can lower a document's tier and never raise it", () => {
  const tier = (source: string, authority: string | null) =>
    effectiveTier({ source, quality: { ...good, authority } }, trust);
  expect(tier("handbook", null)).toBe("reference");
  expect(tier("handbook", "team")).toBe("team");
  expect(tier("wiki", "reference")).toBe("team");
  expect(tier("forum", "reference")).toBe("unverified");
});

test("an undeclared tier is below every minimum", () => {
  expect(effectiveTier({ source: "handbook", quality: { ...good, authority: "divine" } }, trust)).toBeUndefined();
  expect(gate({ authority: "divine" })).toMatchObject({ why: "tier" });
  expect(gate({}, "broken")).toMatchObject({ why: "tier" });
  expect(gate({}, "broken-minimum")).toMatchObject({ why: "tier" });
});

const doc = (source: string, id: string, supersedes: readonly (readonly [string, string])[] = [], change = {}) => ({
  key: { tenant: "acme", source, id },
  quality: { ...good, ...change, supersedes: supersedes.map(([from, name]) => ({ source: from, id: name })) },
});
const superseded = (...documents: ReturnType<typeof doc>[]) => [...supersededKeys(documents, trust, now)].toSorted();
const key = (source: string, id: string) => keyString({ tenant: "acme", source, id });

test("a direct link from an eligible document of the same source supersedes", () => {
  expect(superseded(doc("handbook", "old"), doc("handbook", "new", [["handbook", "old"]]))).toEqual([
    key("handbook", "old"),
  ]);
});

test("a replacement that is hidden, ineligible or the document itself supersedes nothing", () => {
  expect(superseded(doc("handbook", "old"))).toEqual([]);
  const draft = doc("handbook", "new", [["handbook", "old"]], { reviewState: "draft" });
  expect(superseded(doc("handbook", "old"), draft)).toEqual([]);
  expect(superseded(doc("handbook", "self", [["handbook", "self"]]))).toEqual([]);
});

test("across sources only a strictly higher tier supersedes", () => {
  const links = [["wiki", "page"]] as const;
  expect(superseded(doc("wiki", "page"), doc("handbook", "new", links))).toEqual([key("wiki", "page")]);
  expect(superseded(doc("wiki", "page"), doc("handbook", "new", links, { authority: "team" }))).toEqual([]);
  expect(superseded(doc("handbook", "old"), doc("wiki", "new", [["handbook", "old"]]))).toEqual([]);
  expect(superseded(doc("forum", "post"), doc("wiki", "new", [["forum", "post"]]))).toEqual([key("forum", "post")]);
});

test("of two documents that name each other neither is superseded", () => {
  expect(superseded(doc("handbook", "a", [["handbook", "b"]]), doc("handbook", "b", [["handbook", "a"]]))).toEqual([]);
});

test("a chain counts link by link: a superseded replacement still supersedes", () => {
  const chain = [
    doc("handbook", "v1"),
    doc("handbook", "v2", [["handbook", "v1"]]),
    doc("handbook", "v3", [["handbook", "v2"]]),
  ];
  expect(superseded(...chain)).toEqual([key("handbook", "v1"), key("handbook", "v2")]);
});

test("until the gates change, they give the same answer; an instant that matters is never passed over", () => {
  const day = 24 * 60 * 60 * 1000;
  const instant = fc.integer({ min: -45, max: 45 }).map((days) => new Date(now + days * day).toISOString());
  const moment = fc
    .tuple(fc.integer({ min: -45, max: 45 }), fc.constantFrom(-1, 0, 1))
    .map(([days, ms]) => now + days * day + ms);
  fc.assert(
    fc.property(
      fc.record({ updatedAt: fc.option(instant), expiresAt: fc.option(fc.oneof(instant, fc.constant("soon"))) }),
      fc.constantFrom("handbook", "wiki", "nowhere"),
      moment,
      moment,
      (change, source, first, second) => {
        const subject = { source, quality: { ...good, ...change } };
        const [from, to] = first < second ? [first, second] : [second, first];
        const changesAt = gateChangesAt(subject, trust, from);
        expect(changesAt).toBeGreaterThanOrEqual(from);
        const later = to < changesAt ? to : from;
        expect(gateOf(subject, trust, later)).toEqual(gateOf(subject, trust, from));
      },
    ),
    { numRuns: 2_000 },
  );
});
