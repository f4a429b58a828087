import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Access, type AccessToken, nobody } from "../access/acl.ts";
import { isVisible, type VisibilityFilter } from "../access/visible.ts";
import { narrowed } from "./narrowed.ts";

const token = fc.constantFrom<AccessToken>("everyone", "user:a", "group:x", "group:y");
const tokens = fc.uniqueArray(token).map((list) => list.toSorted());
const labels = fc.uniqueArray(fc.constantFrom("l", "m")).map((list) => list.toSorted());
const access: fc.Arbitrary<Access> = fc.record({ grants: tokens, denies: tokens, labels });
const filter: fc.Arbitrary<VisibilityFilter> = fc.record({ tokens, deniedLabels: labels }).map((caller) => ({
  kind: "some",
  tenant: "t",
  sources: ["s"],
  deniedLabels: caller.deniedLabels,
  knownLabels: ["l", "m"],
  tokens: ["everyone", ...caller.tokens],
}));

test("narrowed access opens nothing that either of the two keeps closed", () => {
  fc.assert(
    fc.property(access, access, filter, (a, b, caller) => {
      const see = (one: Access) => isVisible({ tenant: "t", source: "s", access: one }, caller);
      expect(!see(narrowed(a, b)) || (see(a) && see(b))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("narrowing by the same access, or by a wider one, changes nothing", () => {
  fc.assert(
    fc.property(access, (a) => {
      const wider = { ...nobody, grants: ["everyone" as const] };
      expect([narrowed(a, a), narrowed(a, wider)]).toEqual([a, a]);
    }),
  );
});

test("a group that both grant stays granted, one that either leaves out does not", () => {
  const a: Access = { grants: ["group:x", "group:y"], denies: ["user:a"], labels: [] };
  const b: Access = { grants: ["group:y", "user:b"], denies: [], labels: ["l"] };
  expect(narrowed(a, b)).toEqual({ grants: ["group:y"], denies: ["user:a"], labels: ["l"] });
});
