import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { run } from "#services/cli/eval/eval.ts";

// The gate that `.ci/run` runs too, there with the comparison of responses in isolation.

const root = fileURLToPath(new URL("../../", import.meta.url));
const set = join(root, "examples/evaluation");

async function evaluated(...args: string[]) {
  let stdout = "";
  let stderr = "";
  const code = await run([...args, "--embedder", "hashed"], {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
  });
  return { code, stdout, stderr };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reticent-gate-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const reportSchema = z.looseObject({
  leaks: z.looseObject({ found: z.number(), probes: z.number(), told: z.array(z.string()) }),
  visibility: z.looseObject({ users: z.number(), equal_by_filter: z.number(), equal_by_recheck: z.number() }),
  expectations: z.looseObject({ checked: z.number(), failed: z.array(z.unknown()) }),
  kinds: z.record(z.string(), z.looseObject({ shapes: z.array(z.string()) })),
});

test("over the examples nothing hidden comes out, every abstention has its reason, and no figure drops", async () => {
  const { code, stdout, stderr } = await evaluated(set, "--json", "--baseline", set);
  expect(stderr.split("\n").filter((line) => !line.includes(" improved: "))).toEqual([""]);
  const report = reportSchema.parse(JSON.parse(stdout));
  expect(report.leaks).toMatchObject({ found: 0, told: [] });
  expect(report.leaks.probes).toBeGreaterThan(50);
  expect(report.visibility).toMatchObject({ users: 5, equal_by_filter: 5, equal_by_recheck: 5 });
  expect(report.expectations.failed).toEqual([]);
  expect(report.expectations.checked).toBeGreaterThan(40);
  // What is hidden looks like what does not exist.
  expect(report.kinds.hidden?.shapes).toEqual(
    report.kinds.unanswerable?.shapes.filter((shape) => !shape.startsWith("answered")),
  );
  expect(code).toBe(0);
});

test("a threshold that lets everything pass fails the gate: what was answered is named, and so is the figure", async () => {
  const trustSchema = z.looseObject({ models: z.record(z.string(), z.looseObject({ threshold: z.number() })) });
  const trust = trustSchema.parse(parse(readFileSync(join(root, "policies/trust.yaml"), "utf8")));
  const models = Object.entries(trust.models).map(([name, model]) => [name, { ...model, threshold: 0 }]);
  const file = join(temporaryFolder(), "trust.yaml");
  writeFileSync(file, stringify({ ...trust, models: Object.fromEntries(models) }));
  const { code, stderr } = await evaluated(set, "--json", "--baseline", set, "--trust", file);
  expect(code).toBe(1);
  expect(stderr).toMatch(/not as expected: u-chess \(halden\/erin\): answered/);
  expect(stderr).toMatch(/dropped: false answers/);
});

test("a baseline of other queries ends in exit code 2 and one line", async () => {
  const [name] = ["baseline.local-hashed-384-v1.json"];
  const report: unknown = JSON.parse(readFileSync(join(set, name), "utf8"));
  const file = join(temporaryFolder(), "other.json");
  writeFileSync(file, JSON.stringify({ ...Object(report), set: "other" }));
  const { code, stderr } = await evaluated(set, "--baseline", file);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^reticent eval: --baseline: .+ is of another set: other, not evaluation\n$/);
  const missing = await evaluated(set, "--baseline", join(set, "nowhere.json"));
  expect(missing.code).toBe(2);
});
