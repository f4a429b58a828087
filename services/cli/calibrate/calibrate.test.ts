import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { calibrationSchema } from "#core/calibration/calibration-file.ts";
import type { Sample } from "#core/calibration/sample.ts";
import { samplesOf } from "#test/kit/samples.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { run } from "./calibrate.ts";
import { featureLines, readFeatures } from "./features-file.ts";

const origin = { model: "local/hashed-384-v1", fingerprint: "print-1" };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "reticent-calibrate-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Samples with features that this program computes. */
const known = (samples: readonly Sample[]): Sample[] =>
  samples.map((sample) => {
    const { cosine = 0, bm25 = 0, missing = 0, noise = 0 } = sample.features;
    const features = { best_similarity: cosine, agreement: bm25, missing_terms: missing, visible_chunks: noise };
    return { ...sample, features };
  });
const write = (name: string, samples: readonly Sample[], from: typeof origin | null = origin): string => {
  const file = join(folder, name);
  writeFileSync(file, featureLines({ samples, origin: from }));
  return file;
};
const calibrate = async (...args: string[]) => {
  const terminal = capturedTerminal();
  const code = await run(args, terminal);
  return { code, out: terminal.out(), err: terminal.err() };
};

test("features that were written are read back as they were", () => {
  const samples = known(samplesOf(20));
  expect(readFeatures([write("a.jsonl", samples)], {})).toEqual({ samples, origin });
});

test("several sets are fitted offline into one file, the same bytes for the same questions and time", async () => {
  const a = write("a.jsonl", known(samplesOf(200)));
  const b = write("b.jsonl", known(samplesOf(100, { set: "other", seed: 9 })));
  const [first, second] = [join(folder, "one.json"), join(folder, "two.json")];
  const args = ["--features", a, "--features", b, "--at", "2026-11-21T00:00:00Z", "--conformal", "0.1"];
  const made = await calibrate(...args, "--out", first, "--report", join(folder, "report.json"));
  expect(made).toMatchObject({ code: 0, err: "" });
  expect(made.out).toContain("300 questions");
  expect(made.out).toContain("left out, no part of a confidence: visible_chunks");
  expect((await calibrate(...args, "--out", second)).code).toBe(0);
  expect(readFileSync(second, "utf8")).toBe(readFileSync(first, "utf8"));
  const file = calibrationSchema.parse(JSON.parse(readFileSync(first, "utf8")));
  expect(file).toMatchObject({
    ...origin,
    fitted_at: "2026-11-21T00:00:00.000Z",
    audience: null,
    regularisation: 0.003,
  });
  expect(file.features.map((term) => term.name)).toEqual(["agreement", "best_similarity", "missing_terms"]);
  expect(file.fitted_on).toBe("300 labelled questions of other, set");
  const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as { sets: unknown[] };
  expect(report.sets).toHaveLength(2);
  expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a calibration that is worse than the one in force is not written: exit code 1, one line, and the old file stays", async () => {
  const features = write("a.jsonl", known(samplesOf(400)));
  const out = join(folder, "calibration.json");
  const good = ["--features", features, "--at", "2026-11-21T00:00:00Z", "--out", out];
  expect((await calibrate(...good)).code).toBe(0);
  const before = readFileSync(out, "utf8");
  // The same again is no worse, though the one in force has seen every question.
  expect((await calibrate(...good)).code).toBe(0);
  const worse = [...good, "--without", "agreement", "--without", "best_similarity"];
  const refused = await calibrate(...worse);
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(
    /^reticent calibrate: worse than the calibration in force.*AUROC -0\.\d+ \[.*was not written\n$/,
  );
  expect(readFileSync(out, "utf8")).toBe(before);
  const elsewhere = join(folder, "elsewhere.json");
  expect((await calibrate(...worse.with(5, elsewhere), "--baseline", out)).code).toBe(1);
  expect(existsSync(elsewhere)).toBe(false);
});

test("what does not allow a calibration is one line with a code and exit code 1: one kind, one group, nothing but constants", async () => {
  const samples = known(samplesOf(60));
  const one = write(
    "one.jsonl",
    samples.filter((sample) => sample.answerable),
  );
  expect(await calibrate("--features", one)).toMatchObject({
    code: 1,
    err: expect.stringContaining("one-class: all of"),
  });
  const group = write(
    "group.jsonl",
    samples.map((sample) => ({ ...sample, group: "same" })),
  );
  expect((await calibrate("--features", group)).err).toContain("too-few-groups");
  const flat = write(
    "flat.jsonl",
    samples.map((sample) => ({ ...sample, features: { agreement: 1 } })),
  );
  expect((await calibrate("--features", flat)).err).toContain("constant-feature: always the same value: agreement");
  const mixed = write(
    "mixed.jsonl",
    samples.map((sample, at) => (at === 9 ? { ...sample, features: {} } : sample)),
  );
  expect((await calibrate("--features", mixed)).err).toContain("missing-feature");
});

test("wrong usage is one line and exit code 2", async () => {
  const features = write("a.jsonl", known(samplesOf(60)), null);
  const expectUsage = async (line: string, ...args: string[]) => {
    expect(await calibrate(...args)).toMatchObject({ code: 2, err: expect.stringContaining(line) });
  };
  await expectUsage("one of --labels, --features and --self");
  await expectUsage("one of --labels, --features and --self", "--self", "--features", features);
  await expectUsage("--split goes with --labels and --features", "--self", "--split", "test");
  await expectUsage("--regularisation: a number", "--features", features, "--regularisation", "0");
  await expectUsage("--answering: a number", "--features", features, "--rescale", "--answering", "1");
  await expectUsage("--answering goes with --rescale", "--features", features, "--answering", "0.9");
  await expectUsage("--conformal: a number", "--features", features, "--conformal", "2");
  await expectUsage("give --model and --fingerprint", "--features", features, "--out", join(folder, "out.json"));
  await expectUsage("there is no such folder", "--features", features, "--out", join(folder, "no", "out.json"));
  await expectUsage("cannot read", "--features", join(folder, "none.jsonl"));
  writeFileSync(join(folder, "bad.jsonl"), '{"id":"q","answerable":true,"features":{"a":"x"}}\n');
  await expectUsage("bad.jsonl:1: features.a", "--features", join(folder, "bad.jsonl"));
  const twice = write("twice.jsonl", [...samplesOf(2), ...samplesOf(2)]);
  await expectUsage("appears twice", "--features", twice);
  const models = [
    write("m1.jsonl", samplesOf(2)),
    write("m2.jsonl", samplesOf(2, { set: "b" }), { ...origin, model: "other" }),
  ];
  await expectUsage("more than one model", ...models.flatMap((file) => ["--features", file]));
  expect((await calibrate("--help")).out).toContain("usage: reticent calibrate --labels");
});
