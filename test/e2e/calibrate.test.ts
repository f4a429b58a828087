import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { calibrationSchema } from "#core/calibration/calibration-file.ts";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import { run as calibrate } from "#services/cli/calibrate/calibrate.ts";
import { readFeatures } from "#services/cli/calibrate/features-file.ts";
import { httpClient } from "#services/cli/http-client.ts";
import { run as sync } from "#services/cli/sync/sync.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { until } from "#test/kit/until.ts";

// An operator calibrates on the shipped examples, publishes the file, and the next answer says so.

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
let root: string;
let dataDir: string;
let policyDir: string;
let service: RunningService;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "reticent-calibrate-e2e-"));
  [dataDir, policyDir] = [join(root, "data"), join(root, "policies")];
  await cp(here("policies"), policyDir, { recursive: true });
  service = await startService(
    defaultConfig({
      embedder: "hashed",
      port: 0,
      dataDir,
      policyDir,
      logLevel: "silent",
      rateLimitPerMinute: 1_000_000,
      policyPollMs: 50,
    }),
  );
  for (const source of ["handbook", "wiki", "finance", "support"])
    await send(here(`examples/halden/${source}`), source);
});
afterAll(async () => {
  await service.close();
  await rm(root, { recursive: true, force: true });
});

const tokenOf = (user: string, groups: readonly string[]) =>
  signToken({ dataDir, audience: "reticent", tenant: "halden", user, groups, agents: [], ttlS: 600 });
const editor = () => tokenOf("sam", ["employees", "knowledge"]);

async function send(folder: string, source: string) {
  const terminal = capturedTerminal({ RETICENT_EMBEDDER: "hashed" });
  const args = [folder, "--source", source, "--url", service.url, "--token", await editor()];
  const code = await sync(args, terminal);
  expect([code, terminal.err(), code === 0 ? "" : terminal.out()]).toEqual([0, "", ""]);
}
async function ask(query: string) {
  const client = httpClient({ baseUrl: service.url, token: await tokenOf("erin", ["employees"]) });
  return client.request({ method: "POST", path: "/v1/retrieve", body: { query }, schema: retrieveResponseSchema });
}
const readySchema = z.object({ status: z.string(), codes: z.array(z.string()) });
const codes = async () => readySchema.parse(await (await fetch(`${service.url}/readyz`)).json()).codes;

async function selfCalibrate(out: string, ...more: string[]) {
  const terminal = capturedTerminal({ RETICENT_EMBEDDER: "hashed" });
  const args = ["--self", "--data", dataDir, "--policies", policyDir, "--tenant", "halden", "--as", "group:employees"];
  const code = await calibrate([...args, "--at", "2026-11-20T12:00:00Z", "--out", out, ...more], terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}

test("edits of documents that the audience may not read change not one byte of a calibration from documents", async () => {
  const [before, after, seen] = ["before", "after", "seen"].map((name) => join(root, `${name}.json`)) as [
    string,
    string,
    string,
  ];
  // Copies lie where temporary files do; other runs on this machine have theirs elsewhere.
  vi.stubEnv("TMPDIR", root);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await selfCalibrate(before)).toMatchObject({ code: 0, err: "" });
  // Employees do not read the books: a changed budget, a new page and a deleted one.
  const finance = join(root, "finance");
  await cp(here("examples/halden/finance"), finance, { recursive: true });
  const budget = join(finance, "budget-2027.md");
  await writeFile(
    budget,
    `${await readFile(budget, "utf8")}\nParental leave, remote work and radio range cost 9 million.\n`,
  );
  await writeFile(
    join(finance, "new.md"),
    "---\nquality: { owner: sam }\n---\n# Leave\n\nWorking hours and leave are paid from here.\n",
  );
  await send(finance, "finance");
  expect(await selfCalibrate(after)).toMatchObject({ code: 0, err: "" });
  expect(await readFile(after, "utf8")).toBe(await readFile(before, "utf8"));
  // The same edit where the audience may read it does change the file.
  const support = join(root, "support");
  await cp(here("examples/halden/support"), support, { recursive: true });
  const page = join(support, "brook-5-drift.md");
  await writeFile(
    page,
    `${await readFile(page, "utf8")}\nParental leave and remote work change the drift of the sensor by a little.\n`,
  );
  await send(support, "support");
  expect(await selfCalibrate(seen)).toMatchObject({ code: 0, err: "" });
  expect(await readFile(seen, "utf8")).not.toBe(await readFile(before, "utf8"));
  const file = calibrationSchema.parse(JSON.parse(await readFile(before, "utf8")));
  expect(file.audience).toEqual({ tenant: "halden", principals: ["group:employees"] });
  // The copies of the data directory are gone.
  expect((await readdir(tmpdir())).filter((name) => /^reticent-copy-\w{6}$/.test(name))).toEqual([]);
});

test("a document is asked about four times, twice of each kind, and what was written is fitted again offline to the same constants", async () => {
  const [out, features, again] = ["out.json", "features.jsonl", "again.json"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  expect(await selfCalibrate(out, "--features-out", features)).toMatchObject({ code: 0, err: "" });
  const { samples } = readFeatures([features], {});
  const documents = Map.groupBy(samples, ({ id }) => id.replace(/#half$/, ""));
  expect(documents.size).toBeGreaterThanOrEqual(10);
  for (const [id, asked] of documents) {
    const cases = asked.map((sample) => `${sample.id.slice(id.length)} ${sample.answerable}`);
    expect(cases).toEqual([" true", " false", "#half true", "#half false"]);
    // No fold is cut between them.
    expect(new Set(asked.map((sample) => sample.fold)).size).toBe(1);
    expect(new Set(asked.map((sample) => sample.group)).size).toBe(1);
  }
  const offline = ["--features", features, "--rescale", "--answering", "0.88", "--out", again];
  expect(await calibrate([...offline, "--at", "2026-11-20T12:00:00Z"], capturedTerminal({}))).toBe(0);
  const constants = async (file: string) => {
    const { bias, features: terms } = calibrationSchema.parse(JSON.parse(await readFile(file, "utf8")));
    return { bias, terms };
  };
  expect(await constants(again)).toEqual(await constants(out));
});

test("a published calibration is in the next answer; a broken or foreign one is a rejected edit, and the good one stays", async () => {
  const question = "How many weeks of paid parental leave at full salary?";
  const plain = await ask(question);
  expect(plain.calibration.state).toBe("uncalibrated");

  const made = join(root, "employees.json");
  expect((await selfCalibrate(made)).code).toBe(0);
  const published = join(policyDir, "calibration", "employees.json");
  await mkdir(join(policyDir, "calibration"), { recursive: true });
  await cp(made, published);
  const trust = join(policyDir, "trust.yaml");
  const naming = "    tenants: { halden: calibration/employees.json }\n    floor: 0.05";
  await writeFile(trust, (await readFile(trust, "utf8")).replace("    floor: 0.05", naming));
  await until(async () => (await ask(question)).calibration.state === "calibrated");
  const answer = await ask(question);
  expect(answer.calibration).toMatchObject({ fitted_at: "2026-11-20T12:00:00.000Z" });
  expect(answer.calibration.fitted_on).toContain("sentences of the tenant");
  expect(answer.versions.trust).not.toBe(plain.versions.trust);
  expect(answer.confidence).toBeGreaterThan(0);
  expect(answer.confidence).toBeLessThan(1);

  const good = await readFile(published, "utf8");
  await writeFile(published, good.slice(0, good.length / 2));
  await until(async () => (await codes()).includes("policy-edit-rejected"));
  expect((await ask(question)).calibration.state).toBe("calibrated");
  await writeFile(published, good);
  await until(async () => !(await codes()).includes("policy-edit-rejected"));
  await writeFile(published, good.replace(answer.calibration.fingerprint, "f".repeat(64)));
  await until(async () => (await codes()).includes("policy-edit-rejected"));
  expect((await ask(question)).calibration).toEqual(answer.calibration);
  await writeFile(published, good);
  await until(async () => !(await codes()).includes("policy-edit-rejected"));
});

test("labelled questions are asked of the running service by somebody who may explain", async () => {
  const { questions } = parse(await readFile(here("examples/questions.yaml"), "utf8")) as {
    questions: { id: string; ask: string; expect: Record<string, { outcome: string }> }[];
  };
  const labels = questions.flatMap(({ id, ask: query, expect: wanted }) =>
    wanted.erin === undefined ? [] : [{ id, query, answerable: wanted.erin.outcome === "answered" }],
  );
  const nonsense = Array.from({ length: 12 }, (_, at) => {
    const query = `who sells purple submarines number ${at} on the moon`;
    return { id: `far-${at}`, query, answerable: false, group: `far ${at % 3}` };
  });
  const file = join(root, "labels.jsonl");
  await writeFile(file, [...labels, ...nonsense].map((line) => `${JSON.stringify(line)}\n`).join(""));
  const terminal = capturedTerminal({ RETICENT_URL: service.url, RETICENT_TOKEN: await editor() });
  const features = join(root, "features.jsonl");
  const code = await calibrate(["--labels", file, "--features-out", features, "--json"], terminal);
  expect([code, terminal.err()]).toEqual([0, ""]);
  const { calibration, report } = JSON.parse(terminal.out()) as { calibration: unknown; report: { figures: object } };
  expect(calibrationSchema.parse(calibration)).toMatchObject({ model: "local/hashed-384-v1", audience: null });
  expect(report.figures).toMatchObject({ questions: labels.length + nonsense.length });
  expect((await readFile(features, "utf8")).trim().split("\n")).toHaveLength(labels.length + nonsense.length);
});
