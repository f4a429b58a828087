import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { run } from "#services/cli/eval/eval.ts";
import { run as sync } from "#services/cli/sync/sync.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("recorded questions", ["embedded", "full"]);

// From an answer over a judgement to a case that the same gate runs.

describe.for(stacks)("$name", (stack) => {
  let home: string;
  let folder: ReturnType<typeof policyFolder>;
  let service: RunningService;
  const place = stack.place();
  const tokenOf = (user: string, groups: readonly string[]) =>
    signToken({ dataDir: home, tenant: "one", user, groups, agents: [], ttlS: 600, audience: "reticent" });

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "reticent-record-"));
    folder = policyFolder();
    service = await startService(
      defaultConfig({
        ...stack.settings(place),
        embedder: "hashed",
        port: 0,
        dataDir: home,
        policyDir: folder.dir,
        logLevel: "silent",
      }),
    );
    const source = join(home, "corpus/one/open");
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, "_reticent.yaml"), "acl:\n  - { access_type: grant, type: group, value: guests }\n");
    writeFileSync(join(source, "mast.md"), "# Mast\n\nThe mast of the ship is made of larch.\n");
    writeFileSync(join(source, "keel.md"), "# Keel\n\nThe keel of the barge is made of oak.\n");
    const { code, stderr } = await command(sync, [source, "--source", "open"], await tokenOf("wendy", ["writers"]));
    if (code !== 0) throw new Error(stderr);
  });
  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    folder.remove();
    await rm(home, { recursive: true, force: true });
  });

  async function command(which: typeof run, args: readonly string[], token: string) {
    let stdout = "";
    let stderr = "";
    const code = await which(args, {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
      env: { RETICENT_URL: service.url, RETICENT_TOKEN: token },
    });
    return { code, stdout, stderr };
  }
  const record = async (...args: string[]) =>
    command(run, ["record", ...args], await tokenOf("eve", ["guests", "explainers"]));

  async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${service.url}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await tokenOf("gwen", ["guests"])}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  }
  const ask = async (query: string) => String((await post("/v1/retrieve", { query })).id);
  const newSet = (name: string) => {
    const dir = join(home, name);
    mkdirSync(dir);
    writeFileSync(join(dir, "set.yaml"), `corpus: ../corpus\npolicies: ${JSON.stringify(folder.dir)}\n`);
    return dir;
  };
  const queriesOf = (dir: string) => readFileSync(join(dir, "queries.jsonl"), "utf8");

  test("recorded retrievals become a set that eval runs; recording again changes nothing, another judgement replaces", async () => {
    const dir = newSet("own");
    const mast = await ask("what is the mast of the ship made of");
    const sail = await ask("which colour has the spinnaker");
    const first = ["--retrieval", mast, "--judgement", "answerable", "--relevant", "open/mast.md", "--into", dir];
    expect(await record(...first)).toEqual({
      code: 0,
      stdout: `added: ${mast} in ${join(dir, "queries.jsonl")}\n`,
      stderr: "",
    });
    expect((await record("--retrieval", sail, "--judgement", "unanswerable", "--into", dir)).code).toBe(0);
    const written = queriesOf(dir);
    expect((await record(...first)).stdout).toMatch(/^unchanged: /);
    expect(queriesOf(dir)).toBe(written);
    // The question and names, but no text of a document.
    expect(written).not.toContain("larch");
    expect(JSON.parse(written.split("\n")[0] ?? "")).toMatchObject({
      id: mast,
      text: "what is the mast of the ship made of",
      caller: { tenant: "one", user: "gwen", groups: ["guests"] },
      answerable: true,
      relevant: ["open/mast.md"],
      kind: "recorded",
    });

    const measured = await command(run, [dir, "--json", "--isolation", "--embedder", "hashed"], "");
    expect(measured).toMatchObject({ code: 0, stderr: "" });
    const report = JSON.parse(measured.stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      queries: { test: { items: 2, answerable: 1, recall_at_1: { value: 1 } } },
      leaks: { found: 0 },
      isolation: { mismatches: [] },
    });

    expect((await record(...first, "--wrong", "open/keel.md", "--json")).stdout).toContain('"outcome": "replaced"');
    expect(queriesOf(dir).split("\n")).toHaveLength(3);
    expect((await command(run, [dir, "--embedder", "hashed"], "")).stdout).toMatch(/before every right one {2}0 of 1/);
  });

  test("stored feedback is listed, and makes the case where it names a document", async () => {
    const dir = newSet("from-feedback");
    const id = await ask("what is the keel of the barge made of");
    await post(`/v1/retrievals/${id}/feedback`, { judgement: "useful", source: "open", document_id: "keel.md" });
    await post(`/v1/retrievals/${id}/feedback`, { judgement: "useful", comment: "two\nlines" });
    const listed = await record("--from-feedback");
    expect(listed.stdout).toMatch(new RegExp(`^${id} .* useful open/keel.md user:gwen$`, "m"));
    expect(listed.stdout).toMatch(/useful the answer user:gwen "two lines"$/m);
    expect((await record("--retrieval", id, "--from-feedback", "--into", dir)).code).toBe(0);
    expect(JSON.parse(queriesOf(dir))).toMatchObject({ id, answerable: true, relevant: ["open/keel.md"] });

    const silent = await ask("what is the mast of the ship made of");
    const undecided = await record("--retrieval", silent, "--from-feedback", "--into", dir);
    expect(undecided).toMatchObject({ code: 2, stderr: expect.stringContaining("names no useful document") });
  });

  test("a set with a corpus.jsonl gets the documents by their id alone", async () => {
    const dir = join(home, "flat");
    mkdirSync(dir);
    writeFileSync(join(dir, "corpus.jsonl"), "");
    const id = await ask("what is the mast of the ship made of");
    await record("--retrieval", id, "--judgement", "answerable", "--relevant", "open/mast.md", "--into", dir);
    expect(JSON.parse(queriesOf(dir))).toMatchObject({ id, tenant: "one", relevant: ["mast.md"] });
  });

  test("wrong usage and a token that may not explain end with one line", async () => {
    const id = await ask("what is the mast of the ship made of");
    const dir = join(home, "never");
    for (const [args, code, message] of [
      [[], 2, "--retrieval is needed"],
      [["--retrieval", id], 2, "--into is needed"],
      [["--retrieval", id, "--into", dir], 2, "--judgement is needed"],
      [["--retrieval", id, "--into", dir, "--judgement", "maybe"], 2, "answerable or unanswerable"],
      [["--retrieval", id, "--into", dir, "--judgement", "answerable"], 2, "--relevant is needed"],
      [["--retrieval", id, "--into", dir, "--judgement", "answerable", "--relevant", "mast"], 2, "SOURCE/ID"],
      [
        ["--retrieval", id, "--into", dir, "--judgement", "unanswerable", "--relevant", "open/x"],
        2,
        "no relevant document",
      ],
      [["--retrieval", `ret_${"0".repeat(32)}`, "--into", dir, "--judgement", "unanswerable"], 1, "not-found"],
    ] as const) {
      const found = await record(...args);
      expect([args, found.code, found.stderr]).toEqual([args, code, expect.stringContaining(message)]);
      expect(found.stderr.trimEnd()).not.toContain("\n");
    }
    const own = await command(
      run,
      ["record", "--retrieval", id, "--judgement", "unanswerable", "--into", dir],
      await tokenOf("gwen", ["guests"]),
    );
    expect(own).toMatchObject({ code: 1, stderr: expect.stringContaining("needs explain") });
  });
});
