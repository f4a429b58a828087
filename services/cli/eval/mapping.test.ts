import { expect, test } from "vitest";
import { labelPattern, sourcePattern } from "#core/limits.ts";
import { UsageError } from "../terminal.ts";
import { readDataset } from "./dataset.ts";
import { mapDataset } from "./mapping.ts";
import { legalName } from "./names.ts";
import { hashOfIds } from "./oracle.ts";
import { policyLines } from "./policy-folder.ts";
import { tinySet, tinyVisible, writeSet } from "./testing/tiny-set.ts";

const mapped = async () => mapDataset(await readDataset(writeSet(tinySet)));

test("the oracle applies the permission model in its order: active, deny, public, allow, tenant-wide", async () => {
  const { users } = await mapped();
  expect(Object.fromEntries(users.map(({ id, visible }) => [id, [...visible].toSorted()]))).toEqual(tinyVisible);
});

test("there is one tenant per tenant of the set, and one for users of none", async () => {
  const { tenants, users } = await mapped();
  expect(tenants).toEqual(["red", "blue", "none"]);
  expect(users.find(({ id }) => id === "zed")?.tokens.map(({ tenant }) => tenant)).toEqual(["none"]);
  expect(users.find(({ id }) => id === "mix")?.tokens.map(({ tenant }) => tenant)).toEqual(["red", "blue"]);
});

test("public documents are granted to everyone of every tenant, their denies kept", async () => {
  const { documents } = await mapped();
  const welcome = documents.find(({ id }) => id === "red/welcome");
  expect(welcome?.tenants).toEqual(["red", "blue", "none"]);
  expect(welcome?.acl).toEqual([
    { access_type: "grant", type: "everyone" },
    { access_type: "deny", type: "user", value: "dan" },
  ]);
});

test("tenant-wide is a grant to the members, and other entries are mapped one to one", async () => {
  const { documents } = await mapped();
  const aclOf = (id: string) => documents.find((document) => document.id === id)?.acl;
  expect(aclOf("red/leave")).toEqual([
    { access_type: "grant", type: "group", value: "members" },
    { access_type: "deny", type: "group", value: "agency" },
  ]);
  expect(aclOf("red/oven")).toEqual([
    { access_type: "grant", type: "user", value: "gus" },
    { access_type: "grant", type: "group", value: "oncall" },
  ]);
});

test("a token carries the closure of the groups, members unless the user is a guest, active only for active users", async () => {
  const { users } = await mapped();
  const groupsOf = (id: string) => users.find((user) => user.id === id)?.tokens[0]?.groups;
  expect(groupsOf("ann")).toEqual(["finance", "members", "active"]);
  expect(groupsOf("bob")).toEqual(["agency", "temps", "members", "active"]);
  expect(groupsOf("dan")).toEqual(["cloud", "oncall", "members", "active"]);
  expect(groupsOf("gus")).toEqual(["active"]);
  expect(groupsOf("ina")).toEqual(["members"]);
});

test("names that are not legal are mapped to legal ones, two to two, and the same every time", async () => {
  const { sources, labels } = await mapped();
  for (const source of sources) expect(source).toMatch(sourcePattern);
  for (const label of labels) expect(label).toMatch(labelPattern);
  expect(labels).toContain("18f");
  expect(legalName("hand book", sourcePattern)).toBe(legalName("hand book", sourcePattern));
  expect(legalName("hand book", sourcePattern)).not.toBe(legalName("hand-book", sourcePattern));
  expect(legalName("日本", sourcePattern)).not.toBe(legalName("中国", sourcePattern));
  for (const name of ["", "-", "..", "日本", "a".repeat(200), "É/x"]) {
    expect(legalName(name, sourcePattern)).toMatch(sourcePattern);
    expect(legalName(name, labelPattern, true)).toMatch(labelPattern);
  }
});

test("a superseded document is named by the newer one", async () => {
  const add = {
    id: "red/leave@2020",
    title: "Leave",
    text: "Ten days.",
    source: "hand book",
    meta: { tenant: "red", supersededBy: "red/leave" },
  };
  const folder = writeSet({
    ...tinySet,
    "superseded.jsonl": [add],
    "acl-superseded.jsonl": [{ ...tinySet["acl.jsonl"][1], docId: "red/leave@2020" }],
  });
  const { documents } = mapDataset(await readDataset(folder, true));
  expect(documents.find(({ id }) => id === "red/leave")?.supersedes).toEqual(["red/leave@2020"]);
  expect(mapDataset(await readDataset(folder)).documents).toHaveLength(5);
});

test("without access lists every document is for everyone of its tenant, and a query is asked in its own tenant", async () => {
  const folder = writeSet({
    "corpus.jsonl": tinySet["corpus.jsonl"],
    "queries.jsonl": [{ ...tinySet["queries.jsonl"][0], tenant: "red" }],
  });
  const { tenants, documents, users, callerOf } = mapDataset(await readDataset(folder));
  expect(tenants).toEqual(["blue", "red"]);
  expect(users.map(({ id }) => id)).toEqual(["caller-blue", "caller-red"]);
  expect(documents.every(({ acl }) => JSON.stringify(acl) === '[{"access_type":"grant","type":"everyone"}]')).toBe(
    true,
  );
  expect(callerOf({ tenant: "red" })?.tokens.map(({ tenant }) => tenant)).toEqual(["red"]);
  expect(callerOf({ tenant: "red" })?.visible.size).toBe(4);
});

test("a query that names no tenant is asked of all of them; in a set with one tenant there is one caller", async () => {
  const [first] = tinySet["queries.jsonl"];
  const several = mapDataset(
    await readDataset(writeSet({ "corpus.jsonl": tinySet["corpus.jsonl"], "queries.jsonl": [first] })),
  );
  expect(several.callerOf({})?.tokens.map(({ tenant }) => tenant)).toEqual(["blue", "red"]);
  const plain = tinySet["corpus.jsonl"].map((document) => ({ ...document, meta: {} }));
  const single = mapDataset(await readDataset(writeSet({ "corpus.jsonl": plain, "queries.jsonl": [first] })));
  expect(single.tenants).toEqual(["main"]);
  expect(single.users.map(({ id }) => id)).toEqual(["caller"]);
  expect(single.callerOf({})?.visible.size).toBe(5);
});

test("the rules let active users read every source of every tenant, and labels have none", () => {
  const lines = policyLines({ tenants: ["red"], sources: ["wiki"] });
  expect(lines).toContain("g, group:active, role:reader, red");
  expect(lines).toContain("p, role:reader, red, source:wiki, read, allow");
  expect(lines.filter((line) => line.includes("label:"))).toEqual([]);
  expect(lines.filter((line) => line.includes("members"))).toEqual([]);
});

test("a set that is not in the layout is refused with file and line", async () => {
  const broken = writeSet({ ...tinySet, "queries.jsonl": [tinySet["queries.jsonl"][0], { id: "q9" }] });
  await expect(readDataset(broken)).rejects.toThrow(/queries\.jsonl:2: /);
  const without = writeSet({ ...tinySet, "acl.jsonl": tinySet["acl.jsonl"].slice(1) });
  await expect(readDataset(without)).rejects.toThrow('no line for document "red/welcome"');
  const group = { id: "active", members: ["ina"], memberGroups: [] };
  const takes = writeSet({ ...tinySet, "principals.json": { ...tinySet["principals.json"], groups: [group] } });
  const set = await readDataset(takes);
  expect(() => mapDataset(set)).toThrow(UsageError);
});

test("the hash of a set of ids does not depend on their order", () => {
  expect(hashOfIds(["b", "a"])).toBe(hashOfIds(new Set(["a", "b"])));
  // SHA-256 of the three bytes a, newline, b.
  expect(hashOfIds(["b", "a"])).toBe("7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78");
});
