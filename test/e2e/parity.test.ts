import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "#services/cli/eval/eval.ts";
import { closedPort } from "#test/kit/closed-port.ts";
import { openStacks, type Stack } from "#test/kit/stacks.ts";

// The same evaluation on other adapters, and what it answers there.

const set = fileURLToPath(new URL("../../examples/evaluation", import.meta.url));
const stacks = await openStacks("an evaluation on other adapters", ["full"]);

async function command(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let stdout = "";
  let stderr = "";
  const code = await run(args, {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env,
  });
  return { code, stdout, stderr };
}

/** The settings of a deployment on a stack. */
function environmentOf(stack: Stack): Record<string, string> {
  const { adapters, redis, qdrant } = stack.settings(stack.place());
  return {
    RETICENT_LEDGER: adapters.ledger,
    RETICENT_INDEX: adapters.index,
    RETICENT_QUEUE: adapters.queue,
    RETICENT_REDIS_URL: redis?.url ?? "",
    RETICENT_LEDGER_DURABILITY: redis?.durability ?? "",
    RETICENT_QDRANT_URL: qdrant?.url ?? "",
    // Of the deployment, and none of the evaluation's business.
    RETICENT_NAMESPACE: qdrant?.namespace ?? "",
    RETICENT_PORT: "8080",
    RETICENT_DATA: "/nowhere",
  };
}

/** Names of all keys and collections on the servers of an environment. */
async function namesOn(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const redis = new Redis(env.RETICENT_REDIS_URL ?? "");
  onTestFinished(() => redis.disconnect());
  const answer = (await (await fetch(`${env.RETICENT_QDRANT_URL}/collections`)).json()) as {
    result: { collections: { name: string }[] };
  };
  const aliases: unknown = await (await fetch(`${env.RETICENT_QDRANT_URL}/aliases`)).json();
  return [
    ...(await redis.keys("*")),
    ...answer.result.collections.map(({ name }) => name),
    ...[...JSON.stringify(aliases).matchAll(/"alias_name":"([^"]+)"/g)].map(([, name = ""]) => name),
  ].filter((name) => name.includes("reticent-eval-"));
}

describe.for(stacks)("$name", (stack) => {
  test("the set has the same answers, nothing hidden comes out, and isolation changes no byte; nothing is left on the servers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reticent-parity-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = environmentOf(stack);
    const files = ["embedded.jsonl", "other.jsonl"].map((name) => join(folder, name));
    const [embedded = "", other = ""] = files;
    const common = [set, "--json", "--embedder", "hashed", "--split", "all"];
    expect(await command([...common, "--pairs", embedded])).toMatchObject({ code: 0 });
    const measured = await command([...common, "--isolation", "--pairs", other, "--adapters", "environment"], env);
    expect(measured).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(measured.stdout)).toMatchObject({
      visibility: { users: 5, equal_by_filter: 5, equal_by_recheck: 5 },
      leaks: { found: 0, told: [] },
      isolation: { users: 5, mismatches: [] },
      expectations: { failed: [] },
    });
    const { code, stdout } = await command(["parity", embedded, other, "--outcomes", "100", "--passages", "100"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("same outcome and reason     100.00 %")]);
    expect(await namesOn(env)).toEqual([]);
  }, 300_000);
});

test("settings of adapters that do not fit together are told before anything is asked", async () => {
  const { code, stderr } = await command([set, "--adapters", "environment"], { RETICENT_LEDGER: "redis" });
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^reticent eval: --adapters environment: RETICENT_INDEX: .*\n$/),
  ]);
  const other = await command([set, "--adapters", "full"]);
  expect([other.code, other.stderr]).toEqual([2, 'reticent eval: --adapters: embedded, environment, not "full"\n']);
});

test("a server that is away ends the evaluation with one line that says which", async () => {
  const nowhere = { RETICENT_INDEX: "qdrant", RETICENT_QDRANT_URL: `http://127.0.0.1:${await closedPort()}` };
  const { code, stderr } = await command([set, "--adapters", "environment"], nowhere);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^reticent eval: RETICENT_QDRANT_URL \(.*ECONNREFUSED.*\n$/),
  ]);
});
