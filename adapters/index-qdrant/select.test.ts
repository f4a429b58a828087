import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Access, AccessToken } from "#core/access/acl.ts";
import { isVisible } from "#core/access/visible.ts";
import { keyString } from "#core/document.ts";
import { gateOf } from "#core/trust/eligible.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import { keyOf, visibleTo } from "#test/kit/documents.ts";
import { fieldsIn, matches } from "#test/kit/qdrant-filter.ts";
import { eligibleIn, qualityFields } from "./eligible.ts";
import { allOf, oneOf } from "./filter.ts";
import { searchIndexes } from "./schema.ts";
import { visibleIn } from "./select.ts";
import { accessFields } from "./writes.ts";

const tokens: AccessToken[] = ["everyone", "user:a", "group:g", "group:h"];
const labels = ["l", "m", "gone"];
const access: fc.Arbitrary<Access> = fc.record({
  grants: fc.subarray(tokens),
  denies: fc.subarray(tokens.slice(1)),
  labels: fc.subarray(labels),
});

test("the filter selects what the visibility checks let through, under one access and under two", () => {
  fc.assert(
    fc.property(
      access,
      fc.option(access),
      fc.constantFrom("wiki", "handbook", "other"),
      fc.constantFrom("halden", "marlow"),
      fc.subarray(tokens.slice(1)),
      fc.subarray(["l", "m"]),
      fc.subarray(["l", "m"]),
      (first, second, source, tenant, own, knownLabels, deniedLabels) => {
        const visibility = visibleTo(own, { knownLabels, deniedLabels });
        if (visibility.kind === "nothing") throw new Error("this caller sees something");
        const key = keyOf("page", source, tenant);
        const payload = {
          tenant,
          source,
          document: keyString(key),
          ...accessFields(second === null ? [first] : [first, second], 1),
        };
        const expected = [first, ...(second === null ? [] : [second])].every((one) =>
          isVisible({ tenant, source, access: one }, visibility),
        );
        expect(matches(visibleIn(visibility), "id", payload)).toBe(expected);
      },
    ),
    { numRuns: 2_000 },
  );
});

const day = 86_400_000;
const now = Date.parse("2026-06-01T00:00:00.000Z");
const instant = fc.oneof(
  fc.constantFrom(now, now - 30 * day, now + day, now - 1, now + 1, now - 30 * day - 1, now + day + 1),
  fc.integer({ min: now - 60 * day, max: now + 60 * day }),
);
const date = fc.oneof(
  instant.map((ms) => new Date(ms).toISOString()),
  fc.constant("never"),
);
const quality: fc.Arbitrary<Quality> = fc.record({
  authority: fc.option(fc.constantFrom("reference", "team", "unverified", "made-up")),
  reviewState: fc.option(fc.constantFrom("approved", "draft")),
  updatedAt: fc.option(date),
  expiresAt: fc.option(date),
  owner: fc.option(fc.constantFrom("ann", " ", "")),
  supersedes: fc.constant([]),
});
const source = fc.record({
  tier: fc.constantFrom("reference", "team", "unverified", "made-up"),
  minimumTier: fc.constantFrom("reference", "team", "unverified", "made-up"),
  reviewStates: fc.option(fc.subarray(["approved", "draft"])),
  maxAgeDays: fc.option(fc.constantFrom(0, 30)),
  requireOwner: fc.boolean(),
  frontMatter: fc.constant([]),
});

test("the clauses of the quality gates let through what the gates do", () => {
  fc.assert(
    fc.property(quality, source, fc.option(source), fc.constantFrom("wiki", "handbook"), (one, wiki, handbook, of) => {
      const trust: TrustPolicy = {
        tiers: ["reference", "team", "unverified"],
        sources: new Map([["wiki", wiki], ...(handbook === null ? [] : [["handbook", handbook] as const])]),
        models: new Map(),
      };
      const payload = { source: of, ...qualityFields(one) };
      const passes = eligibleIn(["wiki", "handbook"], trust, now).some(({ sources, must, mustNot }) =>
        matches(allOf([oneOf("source", sources), ...must], mustNot), "id", payload),
      );
      expect(passes).toBe(gateOf({ source: of, quality: one }, trust, now).gate === "eligible");
    }),
    { numRuns: 5_000 },
  );
});

test("every field that a filter looks at is indexed", () => {
  const visibility = visibleTo(["group:g"], { deniedLabels: ["l"] });
  if (visibility.kind === "nothing") throw new Error("this caller sees something");
  const everything = {
    tier: "team",
    minimumTier: "team",
    reviewStates: ["approved"],
    maxAgeDays: 1,
    requireOwner: true,
    frontMatter: [],
  };
  const trust = { tiers: ["team"], sources: new Map([["wiki", everything]]), models: new Map() };
  const fields = fieldsIn([visibleIn(visibility), eligibleIn(["wiki"], trust, now)]);
  expect(fields).toContain("review_state");
  for (const field of fields) expect(Object.keys(searchIndexes)).toContain(field);
});
