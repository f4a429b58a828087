import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { run } from "./eval.ts";
import { hashOfIds } from "./oracle.ts";
import { temporaryFolder, tinySet, tinyVisible, writeSet } from "./testing/tiny-set.ts";

async function evaluated(...args: string[]) {
  let stdout = "";
  let stderr = "";
  const code = await run(args, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
  });
  return { code, stdout, stderr };
}

const reportSchema = z.looseObject({
  indexed: z.looseObject({ documents: z.number(), stored: z.number() }),
  visibility: z.looseObject({ users: z.number(), equal_by_filter: z.number(), equal_by_recheck: z.number() }),
  leaks: z.looseObject({ found: z.number(), responses: z.number(), probes: z.number(), told: z.array(z.string()) }),
  errors: z.looseObject({ count: z.number() }),
  queries: z.record(
    z.string(),
    z.looseObject({ items: z.number(), recall_at_5: z.looseObject({ value: z.number() }) }),
  ),
  pairs: z.record(z.string(), z.looseObject({ items: z.number(), recall_at_5: z.looseObject({ value: z.number() }) })),
  isolation: z.looseObject({ users: z.number(), responses: z.number(), mismatches: z.array(z.unknown()) }).nullable(),
});
const report = (stdout: string) => reportSchema.parse(JSON.parse(stdout));
const jsonLines = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));

const published = Object.entries(tinyVisible).map(([user, ids]) => ({
  user,
  visibleDocCount: ids.length,
  visibleSha256: hashOfIds(ids),
}));

/** The temporary folders of instances: none may be left behind. */
const instances = () => readdirSync(tmpdir()).filter((name) => /^reticent-eval-(?!test-)/.test(name)).length;

test("a set with access lists: visible sets equal the oracle, nothing hidden comes out, isolation changes no byte", async () => {
  const folder = writeSet({ ...tinySet, "users_visible.jsonl": published });
  const out = temporaryFolder();
  const [runFile, pairsFile] = [join(out, "run.jsonl"), join(out, "pairs.jsonl")];
  const before = instances();
  const { code, stdout, stderr } = await evaluated(
    folder,
    "--json",
    "--isolation",
    "--run",
    runFile,
    "--pairs",
    pairsFile,
  );
  expect(stderr).toBe("");
  const found = report(stdout);
  expect(found.visibility).toMatchObject({ users: 7, equal_by_filter: 7, equal_by_recheck: 7 });
  expect(found.leaks).toMatchObject({ found: 0, told: [] });
  expect(found.leaks.probes).toBeGreaterThan(0);
  // Seven users, one of them with two tenants, and four queries.
  expect(found.leaks.responses).toBe(32);
  expect(found.errors.count).toBe(0);
  // The public document is stored in three tenants.
  expect(found.indexed).toMatchObject({ documents: 5, stored: 7 });
  expect(found.queries.test).toMatchObject({ items: 3, recall_at_5: { value: 1 } });
  expect(found.pairs.test).toMatchObject({ items: 21, recall_at_5: { value: 1 } });
  expect(found.isolation?.mismatches).toEqual([]);
  expect(found.isolation?.responses).toBeGreaterThan(0);
  expect(code).toBe(0);
  expect(instances()).toBe(before);

  const runLines = z.array(z.strictObject({ id: z.string(), score: z.number(), hits: z.array(z.string()) }));
  const lines = runLines.parse(jsonLines(runFile));
  expect(lines.map(({ id }) => id)).toEqual(["q1", "q2", "q3", "q4"]);
  expect(lines.find(({ id }) => id === "q4")?.hits[0]).toBe("red/oven");

  const pairLines = z.array(
    z.strictObject({
      user: z.string(),
      query: z.string(),
      score: z.number(),
      outcome: z.enum(["answered", "abstained"]),
      reason: z.string().nullable(),
      hits: z.array(z.string()),
      passages: z.array(z.string()),
      gates: z.strictObject({ floor: z.number(), threshold: z.number() }),
      features: z.record(z.string(), z.number()),
    }),
  );
  const pairs = pairLines.parse(jsonLines(pairsFile));
  expect(pairs).toHaveLength(28);
  for (const { user, hits, outcome, reason } of pairs) {
    expect(tinyVisible[user]).toEqual(expect.arrayContaining(hits));
    expect(reason === null).toBe(outcome === "answered");
  }
  // The ranking is there also where the service abstains, and an inactive user sees nothing at all.
  expect(pairs.find(({ user, query }) => user === "mix" && query === "q1")?.hits).toContain("red/leave");
  expect(pairs.filter(({ user }) => user === "ina").every(({ hits }) => hits.length === 0)).toBe(true);
});

test("a published visible set that differs from what the service shows ends in exit code 1 and names the user", async () => {
  const wrong = published.map((line) => (line.user === "ann" ? { ...line, visibleDocCount: 2 } : line));
  const folder = writeSet({ ...tinySet, "users_visible.jsonl": wrong });
  const { code, stdout } = await evaluated(folder, "--limit", "1");
  expect(code).toBe(1);
  expect(stdout).toContain("6 of 7 users equal the oracle");
  expect(stdout).toMatch(/ {2}ann +differs/);
});

test("the add-on of superseded versions is counted, and the published hash is of the set without it", async () => {
  const old = {
    ...tinySet["corpus.jsonl"][1],
    id: "red/leave@2020",
    text: "# Leave\n\nEmployees take ten days of holiday leave each year.",
    meta: { tenant: "red", supersededBy: "red/leave" },
  };
  const folder = writeSet({
    ...tinySet,
    "users_visible.jsonl": published,
    "superseded.jsonl": [old],
    "acl-superseded.jsonl": [{ ...tinySet["acl.jsonl"][1], docId: old.id }],
  });
  const { code, stdout } = await evaluated(folder, "--superseded", "--json");
  expect(code).toBe(0);
  const found = z
    .object({ superseded: z.object({ users_and_queries: z.looseObject({ superseded_above_current: z.number() }) }) })
    .parse(JSON.parse(stdout));
  expect(found.superseded.users_and_queries.superseded_above_current).toBe(0);
});

test("a set without access lists is asked by one caller per tenant, who sees everything of it", async () => {
  const queries = tinySet["queries.jsonl"].map((query) => ({ ...query, tenant: "red" }));
  const folder = writeSet({ "corpus.jsonl": tinySet["corpus.jsonl"], "queries.jsonl": queries });
  const { code, stdout } = await evaluated(folder, "--split", "all");
  expect(code).toBe(0);
  expect(stdout).toContain("2 of 2 users equal the oracle");
  expect(stdout).toMatch(/queries, calib/);
  expect(stdout).toMatch(/Recall@5 +1\.000/);
});

test("a document that the service refuses is named on one line, and nothing is left behind", async () => {
  const [first, ...others] = tinySet["corpus.jsonl"];
  const folder = writeSet({
    "corpus.jsonl": [{ ...first, title: "t".repeat(600) }, ...others],
    "queries.jsonl": tinySet["queries.jsonl"],
  });
  const before = instances();
  const { code, stderr } = await evaluated(folder);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^reticent eval: document "red\/welcome": the service answered 4\d\d.*\n$/);
  expect(instances()).toBe(before);
});

test("wrong usage is one line and exit code 2", async () => {
  const folder = writeSet(tinySet);
  const empty = temporaryFolder();
  const trust = join(empty, "trust.yaml");
  writeFileSync(trust, "tiers: [reference]\n");
  for (const args of [
    [],
    [folder, folder],
    [join(folder, "missing")],
    [empty],
    [folder, "--split", "train"],
    [folder, "--limit", "0"],
    [folder, "--what"],
    [folder, "--run", join(folder, "no", "such", "folder")],
    [folder, "--trust", trust],
  ]) {
    const { code, stdout, stderr } = await evaluated(...args);
    expect({ args, code, stdout, lines: stderr.split("\n").length }).toEqual({ args, code: 2, stdout: "", lines: 2 });
    expect(stderr).toMatch(/^reticent eval: /);
  }
});

test("help is printed when it is asked for", async () => {
  const { code, stdout } = await evaluated("--help");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^usage: reticent eval DIR/);
});

test("features, page and comparison of one run: a line per judged user and query, and no figure differs from itself", async () => {
  const folder = writeSet(tinySet);
  const out = temporaryFolder();
  const [features, html, base] = [join(out, "features.jsonl"), join(out, "page.html"), join(out, "base.json")];
  const first = await evaluated(folder, "--json", "--features", features, "--html", html);
  expect(first.code).toBe(0);
  writeFileSync(base, first.stdout);
  const lineSchema = z.strictObject({
    id: z.string(),
    set: z.string(),
    split: z.enum(["calib", "test"]),
    fold: z.number(),
    group: z.string(),
    answerable: z.boolean(),
    confidence: z.number(),
    features: z.record(z.string(), z.number()),
    kind: z.string(),
    user: z.string(),
  });
  const lines = z.array(lineSchema).parse(jsonLines(features));
  // All splits, as with --run: seven users and four queries.
  expect(lines).toHaveLength(28);
  expect(lines.find(({ id }) => id === "q2@ann")).toMatchObject({ answerable: true, group: "q2", fold: 1 });
  expect(lines.find(({ id }) => id === "q2@bob")).toMatchObject({ answerable: false, split: "test" });
  expect(Object.keys(lines[0]?.features ?? {}).length).toBeGreaterThan(0);
  expect(readFileSync(html, "utf8")).toContain("Reliability diagram");

  const again = await evaluated(folder, "--baseline", base);
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toContain("no figure changed by more than its noise");
  const other = await evaluated(folder, "--baseline", base, "--split", "calib");
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("of another split") });
});

test("in a set without access lists there is a line per query, and its group is the set's own", async () => {
  const [first, ...rest] = tinySet["queries.jsonl"];
  const folder = writeSet({
    "corpus.jsonl": tinySet["corpus.jsonl"],
    "queries.jsonl": [{ ...first, product: "bread" }, ...rest],
  });
  const file = join(temporaryFolder(), "features.jsonl");
  expect((await evaluated(folder, "--features", file, "--split", "test")).code).toBe(0);
  const lines = z.array(z.looseObject({ id: z.string(), group: z.string().nullable() })).parse(jsonLines(file));
  expect(lines.map(({ id, group }) => [id, group])).toEqual([
    ["q1", "bread"],
    ["q2", null],
    ["q3", null],
  ]);
});

test("every candidate chunk of a question is written with its numbers, in the order in which the service ranked them", async () => {
  const chapter = (name: string) =>
    `# ${name}\n\n${`The bakery ${name} holds flour, yeast and much salt. `.repeat(60)}\n\n`;
  const [query] = tinySet["queries.jsonl"];
  const folder = writeSet({
    "corpus.jsonl": [
      { id: "long", title: "Long", text: ["cellar", "attic", "yard", "shop"].map(chapter).join("") },
      { id: "short", title: "Short", text: "Flour is delivered on Mondays." },
    ],
    "queries.jsonl": [{ ...query, text: "where is the flour of the bakery", relevant: ["long"] }],
  });
  const file = join(temporaryFolder(), "candidates.jsonl");
  expect((await evaluated(folder, "--embedder", "hashed", "--candidates", file)).code).toBe(0);
  const row = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number().nullable()]);
  const lineSchema = z.looseObject({
    relevant: z.array(z.string()),
    hits: z.array(z.string()),
    candidates: z.array(z.array(row)),
  });
  const [line] = z.array(lineSchema).parse(jsonLines(file));
  const [rows = []] = line?.candidates ?? [];
  expect(line?.relevant).toEqual(["long"]);
  // More than the best chunk of each document, which is what a trace keeps otherwise.
  expect(rows.filter(([document]) => document === "long").length).toBeGreaterThan(1);
  expect([...new Set(rows.map(([document]) => document))]).toEqual(line?.hits);
  const fused = rows.map((one) => one[3]);
  expect(fused).toEqual(fused.toSorted((a, b) => b - a));
});
