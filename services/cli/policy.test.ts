import { expect, onTestFinished, test } from "vitest";
import { checkPolicyFolder } from "#adapters/policy-casbin/load.ts";
import { PolicyFolderError } from "#adapters/policy-casbin/problem.ts";
import { policyFolder, smallPolicy } from "#test/kit/small-policy.ts";
import { run } from "./policy.ts";

async function policy(args: readonly string[], env: Record<string, string> = {}) {
  const written = { stdout: "", stderr: "" };
  // The small folder knows one model, and it is not the built-in one.
  const named = args.includes("--model") || args.includes("--help") ? args : [...args, "--model", "test/model"];
  const code = await run(named, {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env,
  });
  return { code, ...written };
}

async function folderWith(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await policyFolder(changes);
  onTestFinished(() => folder.remove());
  return folder.dir;
}
const base = smallPolicy["policy.csv"] ?? "";

test("a valid folder gives one line and exit code 0", async () => {
  expect(await policy(["check", await folderWith()])).toEqual({
    code: 0,
    stdout: "ok: 2 rules, 1 memberships, 1 labels, 1 sources, 1 models; 2 of 2 tests passed\n",
    stderr: "",
  });
});

test("every mistake gives file:line: code: message, and exit code 2", async () => {
  const dir = await folderWith({ "policy.csv": `${base}p, group:guests, acme, source:wiki, read, dney\nx\n` });
  const { code, stdout } = await policy(["check", dir]);
  expect(code).toBe(2);
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^policy\.csv:5: unknown-effect: .+/);
  expect(lines[1]).toMatch(/^policy\.csv:6: unknown-rule-kind: .+/);
  expect(lines[2]).toContain("not usable: 2 problems");
});

test("a failing test of the policy gives its line and exit code 2", async () => {
  const dir = await folderWith({ "policy.csv": base.replace("group:guests", "group:gusets") });
  const { code, stdout } = await policy(["check", dir]);
  expect(code).toBe(2);
  expect(stdout).toMatch(/^tests\/acme\.yaml:6: test-failed: guests are kept out of secrets: expected no/);
  expect(stdout).toContain("1 of 2 tests failed");
});

test("--json gives the same as one object", async () => {
  const dir = await folderWith({ "policy.csv": `${base}x\n` });
  const { code, stdout } = await policy(["check", "--json", dir]);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    problems: [{ file: "policy.csv", line: 5, code: "unknown-rule-kind" }],
    counts: { rules: 2, tests: 2 },
    tests: { passed: 0, failed: 0 },
  });
});

test("without a folder the configured one is checked", async () => {
  const dir = await folderWith();
  expect((await policy(["check"], { RETICENT_POLICIES: dir })).code).toBe(0);
  expect((await policy(["check"], { RETICENT_POLICIES: dir })).stdout).toMatch(/^ok: /);
  const empty = await policy(["check"], { RETICENT_POLICIES: "" });
  expect(empty.stdout).toContain("trust.yaml");
});

test("a folder that is missing is one problem, with its path", async () => {
  const { code, stdout } = await policy(["check", "/nowhere/policies"]);
  expect(code).toBe(2);
  expect(stdout.split("\n")[0]).toBe("/nowhere/policies: unreadable: the folder cannot be read: ENOENT");
  expect(stdout).toContain("not usable: 1 problem;");
  expect(
    new PolicyFolderError("/nowhere/policies", (await checkPolicyFolder("/nowhere/policies")).problems).message,
  ).toBe(
    "the policy folder /nowhere/policies cannot be used: /nowhere/policies: unreadable: the folder cannot be read: ENOENT",
  );
});

test("trust.yaml must know the model in use: the built-in one unless another is named", async () => {
  const dir = await folderWith();
  const { code, stdout } = await policy(["check", dir, "--model", "local/hashed-384-v1"]);
  expect(code).toBe(2);
  expect(stdout).toMatch(/^trust\.yaml:5: missing-model: no entry for local\/hashed-384-v1/);
  const written = { stdout: "" };
  const terminal = { stdout: { write: (text: string) => (written.stdout += text) }, stderr: { write() {} }, env: {} };
  expect(await run(["check", dir], terminal)).toBe(2);
  expect(written.stdout).toContain("no entry for local/all-minilm-l6-v2-int8");
});

test("a folder without tests is said to have none", async () => {
  const { code, stdout } = await policy(["check", await folderWith({ "tests/acme.yaml": "tests: []\n" })]);
  expect(code).toBe(0);
  expect(stdout).toContain("; 0 tests: ");
});

test("wrong usage is one line on stderr and exit code 2, help is none", async () => {
  for (const args of [[], ["chekc"], ["check", "a", "b"], ["check", "--jsno"]]) {
    const { code, stdout, stderr } = await policy(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  expect(await policy(["--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("policy check") });
});
