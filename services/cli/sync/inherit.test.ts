import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type AclEntry, accessOf } from "#core/access/acl.ts";
import type { FrontMatterClaim } from "#core/trust/trust-policy.ts";
import { inherit, inheritDocument, type Layer } from "./inherit.ts";
import type { Statement } from "./metadata.ts";

const grant = (value: string): AclEntry => ({ access_type: "grant", type: "group", value });
const deny = (value: string): AclEntry => ({ access_type: "deny", type: "user", value });
const layer = (statement: Statement, file = "_reticent.yaml"): Layer => ({ file, statement });
const noClaims: ReadonlySet<FrontMatterClaim> = new Set();
const allClaims: ReadonlySet<FrontMatterClaim> = new Set(["grants", "authority", "review_state"]);

test("for grants the nearest file wins, denies and labels add up", () => {
  const { acl, labels } = inherit([
    layer({ acl: [grant("employees"), deny("carol")], labels: ["confidential"] }),
    layer({ acl: [deny("erin")] }),
    layer({ acl: [grant("finance"), deny("carol")], labels: ["personal-data", "confidential"] }),
  ]);
  expect(acl).toEqual([deny("carol"), deny("erin"), grant("finance")]);
  expect(labels).toEqual(["confidential", "personal-data"]);
});

test("a file with denies alone inherits the grants; an empty list states that nobody reads", () => {
  expect(inherit([layer({ acl: [grant("a")] }), layer({ acl: [deny("x")] })]).acl).toEqual([deny("x"), grant("a")]);
  expect(inherit([layer({ acl: [grant("a"), deny("x")] }), layer({ acl: [] })]).acl).toEqual([deny("x")]);
});

test("without grants anywhere there is no access list", () => {
  expect(inherit([]).acl).toBeUndefined();
  expect(inherit([layer({ labels: ["confidential"] }), layer({ acl: [deny("x")] })]).acl).toBeUndefined();
});

test("each quality field is the nearest one's", () => {
  const { quality } = inherit([
    layer({ quality: { owner: "a", review_state: "approved", updated_at: "2026-01-01T00:00:00.000Z" } }),
    layer({ quality: { owner: "b" } }),
  ]);
  expect(quality).toEqual({ owner: "b", review_state: "approved", updated_at: "2026-01-01T00:00:00.000Z" });
});

test("front matter cannot raise its own rank or rights where the source does not allow it, and the warnings say so", () => {
  const folders = [layer({ acl: [grant("managers")], quality: { review_state: "draft" } })];
  const own = layer(
    { acl: [grant("everyone-else")], quality: { authority: "reference", review_state: "approved", owner: "me" } },
    "a/b.md",
  );
  const result = inheritDocument(folders, own, noClaims);
  expect(result.acl).toEqual([grant("managers")]);
  expect(result.quality).toEqual({ review_state: "draft", owner: "me" });
  expect(result.warnings).toHaveLength(3);
  for (const [at, key] of ["quality.authority", "quality.review_state", "acl"].entries()) {
    expect(result.warnings[at]).toContain("a/b.md");
    expect(result.warnings[at]).toContain(key);
  }
});

test("front matter counts in full where the source allows its claims", () => {
  const own = layer({ acl: [grant("team")], quality: { authority: "team", review_state: "approved" } }, "a.md");
  const result = inheritDocument([layer({ acl: [grant("employees")] })], own, allClaims);
  expect(result.acl).toEqual([grant("team")]);
  expect(result.quality).toEqual({ authority: "team", review_state: "approved" });
  expect(result.warnings).toEqual([]);
});

test("grants in front matter alone do not make an access list where they do not count", () => {
  expect(inheritDocument([], layer({ acl: [grant("x")] }, "a.md"), noClaims).acl).toBeUndefined();
  expect(inheritDocument([], layer({ acl: [grant("x")] }, "a.md"), allClaims).acl).toEqual([grant("x")]);
});

test("what only narrows always counts in front matter: denies, labels and an empty list", () => {
  const folders = [layer({ acl: [grant("employees")] })];
  const denied = inheritDocument(
    folders,
    layer({ acl: [grant("x"), deny("erin")], labels: ["secret"] }, "a.md"),
    noClaims,
  );
  expect(denied.acl).toEqual([deny("erin"), grant("employees")]);
  expect(denied.labels).toEqual(["secret"]);
  const nobody = inheritDocument(folders, layer({ acl: [] }, "a.md"), noClaims);
  expect(nobody.acl).toEqual([]);
  expect(nobody.warnings).toEqual([]);
});

test("for any layers: every deny and label survives, and without claims front matter adds no grant", () => {
  const name = fc.constantFrom("a", "b", "c");
  const entry: fc.Arbitrary<AclEntry> = fc.record({
    access_type: fc.constantFrom("grant", "deny"),
    type: fc.constantFrom("user", "group"),
    value: name,
  });
  const statement: fc.Arbitrary<Statement> = fc.record(
    { acl: fc.array(entry, { maxLength: 4 }), labels: fc.array(name, { maxLength: 2 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 4 }), statement, (folders, own) => {
      const layers = folders.map((item) => layer(item));
      const result = inheritDocument(layers, layer(own, "x.md"), noClaims);
      const access = accessOf(result.acl ?? [], result.labels);
      const alone = inherit(layers);
      const all = [...folders, own];
      const denies = result.acl === undefined ? [] : all.flatMap(({ acl = [] }) => accessOf(acl, []).denies);
      expect(denies.filter((token) => !access.denies.includes(token))).toEqual([]);
      expect(all.flatMap(({ labels = [] }) => labels).filter((label) => !access.labels.includes(label))).toEqual([]);
      const before = accessOf(alone.acl ?? [], []).grants;
      expect(access.grants.filter((token) => !before.includes(token))).toEqual([]);
      const stated = alone.acl !== undefined || own.acl?.length === 0;
      expect(result.acl !== undefined).toBe(stated);
    }),
    { numRuns: 300 },
  );
});
