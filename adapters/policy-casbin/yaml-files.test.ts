import { expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { check, mistakes, policyFolder, smallPolicy } from "#test/kit/small-policy.ts";
import { checkPolicyFolder } from "./load.ts";

const trust = smallPolicy["trust.yaml"] ?? "";
const badTrust: readonly (readonly [promise: string, from: string, to: string, problem: string])[] = [
  ["an unknown key", "{ tier: team }", "{ tier: team, max_age: 3 }", "4 unknown-key"],
  ["an undeclared tier", "{ tier: team }", "{ tier: gold }", "4 undeclared-tier"],
  ["an undeclared default tier", "minimum_tier: team", "minimum_tier: gold", "2 undeclared-tier"],
  ["a tier twice", "[reference, team]", "[team, team]", "1 duplicate-tier"],
  ["a gate that nobody states", "minimum_tier: team, ", "", "4 missing-gate"],
  ["an age that is no number of days", "max_age_days: off", "max_age_days: 0", "2 invalid-value"],
  ["a floor that is not a number", "floor: 0.1", "floor: .nan", "6 invalid-value"],
  ["a model without a floor", "floor: 0.1, ", "", "6 invalid-value"],
  ["a threshold over one", "threshold: 0.5", "threshold: 1.5", "6 invalid-value"],
  ["an unknown claim of front matter", "{ tier: team }", "{ tier: team, front_matter: [rank] }", "4 invalid-value"],
  ["a source twice", "models:", "  wiki: { tier: team }\nmodels:", "5 duplicate-key"],
  ["an alias", "{ tier: team }", "&a { tier: team }\n  faq: *a", "0 yaml-syntax"],
  ["text that is not YAML", "sources:", "sources: [", "yaml-syntax"],
];

test.each(badTrust)("%s in trust.yaml is refused with its line", async (_promise, from, to, problem) => {
  expect(trust).toContain(from);
  const found = await mistakes({ "trust.yaml": trust.replace(from, to) });
  expect(found.some((mistake) => mistake.startsWith("trust.yaml:") && mistake.endsWith(problem))).toBe(true);
});

test("trust.yaml is read with its defaults", async () => {
  const result = await check({
    "trust.yaml": trust.replace("{ tier: team }", "{ tier: team, review_states: [approved], max_age_days: 30 }"),
  });
  expect(result.loaded?.snapshot.trust.sources.get("wiki")).toEqual({
    tier: "team",
    minimumTier: "team",
    reviewStates: ["approved"],
    maxAgeDays: 30,
    requireOwner: false,
    frontMatter: [],
  });
  expect(result.loaded?.snapshot.trust.models.get("test/model")).toMatchObject({ floor: 0.1, threshold: 0.5 });
});

const tests = smallPolicy["tests/acme.yaml"] ?? "";
const inTests = (from: string, to: string) => mistakes({ "tests/acme.yaml": tests.replace(from, to) });

test("a failing policy test is told with the line of its expectation", async () => {
  expect(await inTests("may_read: [wiki]", "may_not_read: [wiki]")).toContain("tests/acme.yaml:5 duplicate-key");
  expect(await inTests("may_read: [wiki]", "may: [write source:wiki]")).toEqual(["tests/acme.yaml:4 test-failed"]);
  expect(await inTests("labels: [secret]", "labels: []")).toEqual(["tests/acme.yaml:6 test-failed"]);
});

test("a policy test about names that do not exist is refused: it would hold for the wrong reason", async () => {
  expect(await inTests("source: wiki", "source: wikki")).toEqual(["tests/acme.yaml:6 undeclared-source"]);
  expect(await inTests("[secret]", "[sceret]")).toEqual(["tests/acme.yaml:6 undeclared-label"]);
  expect(await inTests("tenant: acme", "tenant: acmee")).toContain("tests/acme.yaml:4 unknown-tenant");
  expect(await inTests("user: gus", "user: 'user:gus'")).toEqual(["tests/acme.yaml:3 invalid-value"]);
  expect(await inTests("may_read", "may_raed")).toEqual(["tests/acme.yaml:4 unknown-key"]);
});

test("more policy tests than the limit are refused", async () => {
  const list = Array.from({ length: limits.policyTests + 1 }, () => "wiki").join(", ");
  expect(await inTests("may_read: [wiki]", `may_read: [${list}]`)).toEqual(["tests:0 too-many-tests"]);
});

test("a folder without tests can be loaded", async () => {
  const folder = await policyFolder();
  await folder.remove("tests");
  const result = await checkPolicyFolder(folder.dir);
  await folder.remove();
  expect(result).toMatchObject({ problems: [], tests: { passed: 0, failed: 0 } });
});

test("labels.yaml accepts lower-case labels with a description only", async () => {
  expect(await mistakes({ "labels.yaml": "labels:\n  secret:\n" })).toEqual(["labels.yaml:2 invalid-value"]);
  expect(await mistakes({ "labels.yaml": "secret: x\n" })).toContain("labels.yaml:1 unknown-key");
});
