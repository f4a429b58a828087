import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { check, mistakes, policyFolder, smallPolicy } from "#test/kit/small-policy.ts";
import { checkPolicyFolder } from "./load.ts";

const base = smallPolicy["policy.csv"] ?? "";
/** The small policy with one more line, which is its fifth. */
const withRule = (line: string) => mistakes({ "policy.csv": `${base}${line}\n` });
const inModel = (from: string, to: string) => {
  const model = smallPolicy["model.conf"] ?? "";
  expect(model).toContain(from);
  return mistakes({ "model.conf": model.replace(from, to) });
};
const lineOf = (file: string, text: string) =>
  (smallPolicy[file] ?? "").split("\n").findIndex((line) => line.includes(text)) + 1;

test("the shipped policy folder is valid and passes its own tests", async () => {
  const result = await checkPolicyFolder(new URL("../../policies", import.meta.url).pathname);
  expect(result.problems).toEqual([]);
  expect(result.tests.failed).toBe(0);
  expect(result.tests.passed).toBeGreaterThan(40);
});

test("a valid folder is loaded with its counts", async () => {
  const result = await check({});
  expect(result).toMatchObject({
    problems: [],
    counts: { rules: 2, memberships: 1, labels: 1, sources: 1, models: 1, tests: 2 },
    tests: { passed: 2, failed: 0 },
  });
  expect(result.loaded?.snapshot.revision).toMatch(/^[0-9a-f]{16}$/);
});

const badRules: readonly (readonly [promise: string, line: string, code: string])[] = [
  ["a misspelt deny", "p, group:guests, acme, source:wiki, read, dney", "unknown-effect"],
  ["an upper-case effect", "p, group:guests, acme, source:wiki, read, Deny", "unknown-effect"],
  ["a missing column", "p, group:guests, acme, source:wiki, read", "missing-column"],
  ["an extra column", "p, group:guests, acme, source:wiki, read, deny, deny", "extra-column"],
  ["a trailing comma", "p, group:guests, acme, source:wiki, read, deny,", "extra-column"],
  ["an empty column", "p, group:guests, , source:wiki, read, deny", "empty-value"],
  ["a p2 line", "p2, group:guests, acme, source:wiki, read, deny", "unknown-rule-kind"],
  ["a g2 line", "g2, user:ann, role:reader, acme", "unknown-rule-kind"],
  ["a rule without a kind", "deny, group:guests, acme, source:wiki, read, deny", "unknown-rule-kind"],
  ["a comment after a rule", "p, group:guests, acme, source:wiki, read, deny # for now", "comment-after-rule"],
  ["quoted values", 'p, "group:guests", acme, source:wiki, read, deny', "quoted-value"],
  ["an open bracket", "p, group:guests (all, acme, source:wiki, read, deny", "unbalanced-bracket"],
  ["a space that is none", "p, group:guests,\u00a0acme, source:wiki, read, deny", "unusual-space"],
  ["an unknown action", "p, group:guests, acme, source:wiki, raed, deny", "unknown-action"],
  ["an unknown kind of object", "p, group:guests, acme, folder:wiki, read, deny", "unknown-object"],
  ["an object without a kind", "p, group:guests, acme, wiki, read, deny", "unknown-object"],
  ["an action on the wrong object", "p, group:guests, acme, tenant, read, deny", "object-not-for-action"],
  ["a label where read is not meant", "p, group:guests, acme, label:secret, write, deny", "object-not-for-action"],
  ["an undeclared source", "p, group:guests, acme, source:wikki, read, deny", "undeclared-source"],
  ["an undeclared label", "p, group:guests, acme, label:sceret, read, deny", "undeclared-label"],
  ["an upper-case label", "p, group:guests, acme, label:Secret, read, deny", "unknown-object"],
  ["an allow on a label", "p, group:staff, acme, label:secret, read, allow", "allow-on-label"],
  ["an untyped principal", "p, guests, acme, source:wiki, read, deny", "untyped-principal"],
  ["everyone as a principal", "p, everyone, acme, source:wiki, read, deny", "untyped-principal"],
  ["act for somebody who is no agent", "p, group:staff, acme, group:staff, act, allow", "untyped-principal"],
  ["a tenant's name that cannot be", "p, group:guests, *, source:wiki, read, deny", "invalid-tenant"],
  ["a misspelt tenant", "p, group:guests, acmee, source:wiki, read, deny", "undeclared-tenant"],
  ["a misspelt tenant of a role", "g, group:guests, role:reader, acmee", "undeclared-tenant"],
  ["a deny for a role that nobody has", "p, role:raeder, acme, source:wiki, read, deny", "role-without-member"],
  ["a duplicate rule", "p,role:reader,acme,source:wiki,read,allow", "duplicate-rule"],
  ["a two-column g", "g, group:guests, role:reader", "two-column-g"],
  ["a g with four columns", "g, group:guests, role:reader, acme, x", "extra-column"],
  ["a role in a group", "g, role:reader, group:staff, acme", "edge-not-allowed"],
  ["an agent in a group", "g, agent:bot, group:staff, acme", "edge-not-allowed"],
  ["a user as a parent", "g, group:staff, user:ann, acme", "edge-not-allowed"],
  ["a role of its own", "g, role:reader, role:reader, acme", "role-cycle"],
  ["a control character", "p, group:gu\u0007ests, acme, source:wiki, read, deny", "control-character"],
  ["an invisible character", "p, group:gue\u200bsts, acme, source:wiki, read, deny", "control-character"],
  ["a name that is not NFC", "p, group:cafe\u0301, acme, source:wiki, read, deny", "not-nfc"],
  ["a lone carriage return", "p, group:guests, acme, source:wiki\r, read, deny", "control-character"],
];

test.each(badRules)("%s in policy.csv is refused with its line", async (_promise, line, code) => {
  expect(await withRule(line)).toEqual([`policy.csv:5 ${code}`]);
});

test("a role without members on the way to a deny is told by its own line", async () => {
  const lines = ["p, role:blocked, acme, source:wiki, read, deny", "g, role:sttaff, role:blocked, acme"];
  expect(await mistakes({ "policy.csv": `${base}${lines.join("\n")}\n` })).toEqual([
    "policy.csv:6 role-without-member",
  ]);
});

test("rules can be taken out in a hurry: a tenant without an allow and a role without a rule are no mistakes", async () => {
  const noTests = { "tests/acme.yaml": "tests: []\n" };
  expect(await mistakes({ ...noTests, "policy.csv": base.replace("read, allow", "read, deny") })).toEqual([]);
  expect(await mistakes({ ...noTests, "policy.csv": base.replace("p, role:reader", "# p, role:reader") })).toEqual([]);
  expect(await mistakes({ ...noTests, "policy.csv": base.replace("g, ", "# g, ") })).toEqual([]);
  expect(await mistakes({ ...noTests, "policy.csv": "" })).toEqual([]);
});

test("without declared tenants any tenant may be named", async () => {
  const changes = { "labels.yaml": "labels: { secret: Not for guests }\n", "tests/acme.yaml": "tests: []\n" };
  expect(await mistakes({ ...changes, "policy.csv": base.replaceAll("acme", "globex") })).toEqual([]);
});

test("two rules that contradict each other are allowed: deny wins", async () => {
  expect(await withRule("p, role:reader, acme, source:wiki, read, deny")).toEqual(["tests/acme.yaml:4 test-failed"]);
});

test("a cycle of roles is told by the line that closes it", async () => {
  const lines = ["g, role:reader, role:a, acme", "g, role:a, role:b, acme", "g, role:b, role:reader, acme"];
  expect(await mistakes({ "policy.csv": `${base}${lines.join("\n")}\n` })).toEqual(["policy.csv:7 role-cycle"]);
});

test("roles deeper than the limit are refused, at the limit they are not", async () => {
  // staff → reader is the first level.
  const chain = (levels: number) =>
    Array.from({ length: levels - 1 }, (_, at) => `g, role:${at === 0 ? "reader" : `r${at}`}, role:r${at + 1}, acme`);
  const last = (levels: number) => `p, role:r${levels - 1}, acme, source:wiki, read, allow`;
  const policy = (levels: number) => `${base}${[...chain(levels), last(levels)].join("\n")}\n`;
  expect(await mistakes({ "policy.csv": policy(limits.roleDepth) })).toEqual([]);
  expect(await mistakes({ "policy.csv": policy(limits.roleDepth + 1) })).toEqual(["policy.csv:2 role-depth"]);
});

test("a role graph that Casbin would walk for hours is refused", async () => {
  const lines = Array.from({ length: 7 }, (_, level) =>
    [0, 1, 2].flatMap((from) => [0, 1, 2].map((to) => `g, role:l${level}x${from}, role:l${level + 1}x${to}, acme`)),
  ).flat();
  const start = [
    "g, role:reader, role:l0x0, acme",
    "g, role:reader, role:l0x1, acme",
    "g, role:reader, role:l0x2, acme",
  ];
  const top = [0, 1, 2].map((to) => `p, role:l7x${to}, acme, source:wiki, read, allow`);
  const found = await mistakes({ "policy.csv": `${base}${[...start, ...lines, ...top].join("\n")}\n` });
  expect(found).toEqual(["policy.csv:2 role-paths"]);
});

test("more rules than the limit are refused", async () => {
  const many = Array.from({ length: limits.policyRules }, (_, at) => `p,user:u${at},acme,source:wiki,read,deny`);
  expect(await mistakes({ "policy.csv": `${base}${many.join("\n")}\n` })).toEqual([
    `policy.csv:${limits.policyRules + 2} too-many-rules`,
  ]);
});

test("every mistake is told at once, by file and line", async () => {
  const found = await mistakes({
    "policy.csv": `${base}p, guests, acme, source:wiki, read, deny\np, group:guests, acme, source:wiki, read\n`,
    "labels.yaml": "labels:\n  secret: Not for guests\n  Secret: twice\n",
  });
  expect(found).toEqual([
    "labels.yaml:3 invalid-value",
    "policy.csv:5 untyped-principal",
    "policy.csv:6 missing-column",
  ]);
});

test("a file full of mistakes gives a bounded list that says how many are left out", async () => {
  const result = await check({ "policy.csv": `${base}${"nonsense\n".repeat(500)}` });
  expect(result.problems).toHaveLength(101);
  expect(result.problems.at(-1)).toMatchObject({ code: "more-problems", message: expect.stringContaining("400") });
});

const badModels: readonly (readonly [promise: string, from: string, to: string, code: string])[] = [
  ["an unknown section", "[matchers]", "[matcher]", "unknown-section"],
  ["a section twice", "[matchers]", "[policy_effect]", "duplicate-section"],
  ["a second policy type", "p = sub", "p2 = sub", "unknown-definition"],
  ["a definition twice", "e2 = !", "e = !", "duplicate-definition"],
  ["a comment after a definition", "g = _, _, _", "g = _, _, _ # member", "comment-after-definition"],
  ["a continued line", "g = _, _, _", "g = _, _, \\", "malformed-line"],
  ["two columns for g", "g = _, _, _", "g = _, _", "two-column-g"],
  ["other request fields", "r = sub, dom, obj, act", "r = sub, obj, dom, act", "unsupported-definition"],
  ["an effect without deny", "allow)) && !some(where (p.eft == deny))", "allow))", "unsupported-effect"],
  ["a matcher with or", "r.dom == p.dom && r.obj", "r.dom == p.dom || r.obj", "unsupported-matcher"],
  ["a matcher with a function", "r.obj == p.obj", "keyMatch(r.obj, p.obj)", "unsupported-matcher"],
  ["a matcher with not", "r.obj == p.obj", "r.obj != p.obj", "unsupported-matcher"],
  ["a matcher with brackets", "r.obj == p.obj", "(r.obj == p.obj)", "unsupported-matcher"],
  ["an undeclared identifier", "r.obj == p.obj", "r.object == p.obj", "undeclared-identifier"],
  ["a matcher without the tenant", "r.dom == p.dom && ", "", "unsupported-matcher"],
  ["a matcher that swaps fields", "r.obj == p.obj", "r.obj == p.act", "unsupported-matcher"],
  ["roles across tenants", "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub, p.sub)", "unsupported-matcher"],
];

test.each(badModels)("%s in model.conf is refused with its line", async (_promise, from, to, code) => {
  const found = await inModel(from, to);
  expect(found).toContain(`model.conf:${lineOf("model.conf", from)} ${code}`);
});

test("a missing definition is refused", async () => {
  expect(await inModel("[role_definition]\ng = _, _, _", "")).toContain("model.conf:0 missing-definition");
});

test("order and spacing of the matcher are free", async () => {
  const matcher = "r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)";
  expect(await inModel(matcher, "g(r.sub,p.sub, r.dom)&&p.act==r.act && r.obj == p.obj&&r.dom == p.dom")).toEqual([]);
});

const bom = (text: string) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);

test("a byte order mark and invalid UTF-8 are refused, CRLF is read as a line feed", async () => {
  expect(await mistakes({ "policy.csv": bom(base) })).toEqual(["policy.csv:1 byte-order-mark"]);
  expect(await mistakes({ "labels.yaml": Buffer.from([0x6c, 0xff]) })).toEqual(["labels.yaml:0 not-utf8"]);
  const crlf = Object.fromEntries(
    Object.entries(smallPolicy).map(([file, text]) => [file, text.replaceAll("\n", "\r\n")]),
  );
  const [windows, unix] = [await check(crlf), await check({})];
  expect(windows.problems).toEqual([]);
  expect(windows.loaded?.snapshot.revision).toBe(unix.loaded?.snapshot.revision);
});

test("a file over the size limit is refused without being read", async () => {
  expect(await mistakes({ "policy.csv": "#".repeat(limits.policyBytes + 1) })).toEqual(["policy.csv:0 file-too-large"]);
});

test("files that are missing, or look like policy and are not read, are refused", async () => {
  const folder = await policyFolder({
    "policy2.csv": "",
    "tests/more.yml": "",
    ".policy.csv.swp": "",
    "policy.csv~": "",
  });
  await folder.remove("labels.yaml");
  const { problems } = await checkPolicyFolder(folder.dir);
  await folder.remove();
  expect(problems.map(({ file, code }) => `${file} ${code}`)).toEqual([
    "labels.yaml missing-file",
    "policy2.csv unknown-file",
    "tests/more.yml unknown-file",
  ]);
  const gone = await checkPolicyFolder(folder.dir);
  expect(gone.problems.map(({ file, code }) => `${file} ${code}`)).toEqual([". unreadable"]);
});

test("the compiler and Casbin read the same rules of the shipped policy, line by line", async () => {
  const result = await checkPolicyFolder(new URL("../../policies", import.meta.url).pathname);
  const lines = (await readFile(new URL("../../policies/policy.csv", import.meta.url), "utf8")).split("\n");
  const understood = await result.loaded?.oracle.lines();
  expect(understood?.p).toHaveLength(lines.filter((line) => line.startsWith("p,")).length);
  expect(understood?.g).toHaveLength(lines.filter((line) => line.startsWith("g,")).length);
});
