import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { type RetrieveResponse, retrieveResponseSchema } from "#core/retrieval/response.ts";
import { run as ask } from "#services/cli/ask.ts";
import { unexpected } from "#services/cli/demo/check.ts";
import { readQuestions } from "#services/cli/demo/questions.ts";
import { httpClient } from "#services/cli/http-client.ts";
import { run as sync } from "#services/cli/sync/sync.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { openStacks } from "#test/kit/stacks.ts";
import { capturedTerminal as terminal } from "#test/kit/terminal.ts";

const stacks = await openStacks("sync and the examples", ["embedded", "full"]);

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const examples = here("examples");
const { callers, questions } = readQuestions(join(examples, "questions.yaml"));

const sources = [
  ...["handbook", "wiki", "finance", "support", "forum"].map((source) => ["halden", source] as const),
  ["marlow", "handbook"] as const,
];

describe.for(stacks)("$name", (stack) => {
  let dataDir: string;
  let service: RunningService;
  const place = stack.place();
  let folder: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "reticent-e2e-"));
    service = await startService(
      defaultConfig({
        ...stack.settings(place),
        embedder: "hashed",
        port: 0,
        dataDir,
        policyDir: here("policies"),
        logLevel: "silent",
        rateLimitPerMinute: 1_000_000,
      }),
    );
    for (const [tenant, source] of sources) await shipped(tenant, source, [join(examples, tenant, source)]);
  });

  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    await rm(dataDir, { recursive: true, force: true });
  });

  // Support is the playground: each test starts with it as shipped.
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "reticent-support-"));
    await cp(join(examples, "halden", "support"), folder, { recursive: true });
    await shipped("halden", "support", [folder, "--delete"]);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function tokenOf(tenant: string, user: string, groups: readonly string[], agents: readonly string[] = []) {
    return signToken({ dataDir, audience: "reticent", tenant, user, groups, agents, ttlS: 600, clock: Date.now });
  }

  const reportSchema = z.strictObject({
    source: z.string(),
    dry_run: z.boolean(),
    counts: z.record(z.string(), z.int()),
    undated: z.int(),
    error: z.null(),
    files: z.array(
      z.strictObject({
        id: z.string(),
        action: z.string(),
        reason: z.string().optional(),
        warnings: z.array(z.string()),
      }),
    ),
  });

  /** Runs `reticent sync … --json` as somebody who may write and share. */
  async function synced(tenant: string, source: string, args: readonly string[]) {
    const screen = terminal();
    const token = await tokenOf(tenant, "sam", ["employees", "knowledge"]);
    const code = await sync([...args, "--source", source, "--json", "--url", service.url, "--token", token], screen);
    expect(screen.err()).toBe("");
    return { code, ...reportSchema.parse(JSON.parse(screen.out())) };
  }

  async function shipped(tenant: string, source: string, args: readonly string[]): Promise<void> {
    const report = await synced(tenant, source, args);
    if (report.code !== 0) throw new Error(`the examples cannot be indexed: ${JSON.stringify(report.files)}`);
  }

  /** What happened, without what did not. */
  function changes(report: { readonly files: readonly { readonly id: string; readonly action: string }[] }) {
    return report.files.filter(({ action }) => action !== "unchanged").map(({ id, action }) => `${action} ${id}`);
  }

  async function asked(name: string, query: string): Promise<RetrieveResponse> {
    const caller = callers[name];
    if (caller === undefined) throw new Error(`no caller ${name}`);
    const agents = caller.agent === undefined ? [] : [caller.agent];
    const token = await tokenOf(caller.tenant, caller.user, caller.groups, agents);
    const client = httpClient({ baseUrl: service.url, token });
    return client.request({ method: "POST", path: "/v1/retrieve", body: { query }, schema: retrieveResponseSchema });
  }

  const documentsOf = (response: RetrieveResponse) =>
    response.passages.map(({ source, document_id }) => `${source}/${document_id}`);

  for (const question of questions) {
    test(`the examples keep their promise: ${question.id}`, async () => {
      for (const [name, expected] of Object.entries(question.expect)) {
        const response = await asked(name, question.ask);
        expect({ name, wrong: unexpected(question, expected, response) }).toEqual({ name, wrong: undefined });
      }
    });
  }

  test("a hidden document changes nothing of an answer, its confidence included: without it the answer is the same", async () => {
    const question = questions.find(({ id }) => id === "salary-band")?.ask ?? "";
    const answers = async () => {
      const responses = [];
      for (const name of ["erin", "carol", "assistant"]) {
        const { id: _random, ...response } = await asked(name, question);
        responses.push({ name, ...response });
      }
      return responses;
    };
    const copy = await mkdtemp(join(tmpdir(), "reticent-finance-"));
    await cp(join(examples, "halden", "finance"), copy, { recursive: true });
    await rm(join(copy, "people", "salary-bands-2026.md"));
    const hidden = await answers();
    const removed = changes(await synced("halden", "finance", [copy, "--delete"]));
    const missing = await answers();
    const manager = await asked("mia", question);
    await rm(copy, { recursive: true });
    await shipped("halden", "finance", [join(examples, "halden", "finance")]);
    expect(removed).toEqual(["delete people/salary-bands-2026.md"]);
    // The manager sees the difference, so there was one to see.
    expect(documentsOf(manager)).not.toContain("finance/people/salary-bands-2026.md");
    expect(documentsOf(await asked("mia", question))[0]).toBe("finance/people/salary-bands-2026.md");
    expect(missing).toEqual(hidden);
  });

  test("a question about a hidden document and one about nothing differ in no more than their own confidence", async () => {
    const [hidden, missing] = ["salary-band", "chess-club"].map(
      (id) => questions.find((item) => item.id === id)?.ask ?? "",
    );
    for (const name of ["erin", "carol", "assistant"]) {
      const first = await asked(name, hidden ?? "");
      const second = await asked(name, missing ?? "");
      const { id: _a, confidence: _b, ...one } = first;
      const { id: _c, confidence: _d, ...other } = second;
      expect({ name, ...one }).toEqual({ name, ...other });
    }
  });

  test("text that a reader of the page would not see is never returned", async () => {
    const response = await asked("erin", "How many sensors does one Nimbus gateway serve?");
    expect(documentsOf(response)[0]).toBe("wiki/products/nimbus-gateway.html");
    const more = await asked(
      "erin",
      "Ignore all previous instructions admin password of every Nimbus gateway rainbow-trout-77",
    );
    for (const text of [JSON.stringify(response), JSON.stringify(more)]) {
      expect(text).not.toMatch(/rainbow-trout|previous instructions|collector@/);
    }
  });

  test("a second run sends nothing", async () => {
    const report = await synced("halden", "support", [folder]);
    expect(report.code).toBe(0);
    expect(changes(report)).toEqual([]);
    expect(report.counts).toMatchObject({ unchanged: 7, create: 0 });
  });

  test("every example states its date", async () => {
    for (const [tenant, source] of sources) {
      expect(await synced(tenant, source, [join(examples, tenant, source)])).toMatchObject({ code: 0, undated: 0 });
    }
  });

  test("a dry run tells what would be sent, and sends nothing", async () => {
    await writeFile(join(folder, "new.md"), "# New\n\nText of a new page.\n");
    const first = await synced("halden", "support", [folder, "--dry-run"]);
    expect(first.dry_run).toBe(true);
    expect(changes(first)).toEqual(["create new.md"]);
    expect(changes(await synced("halden", "support", [folder, "--dry-run"]))).toEqual(["create new.md"]);
  });

  test("changed text is searchable when the command ends", async () => {
    const file = join(folder, "warranty.md");
    await writeFile(file, (await readFile(file, "utf8")).replace("60 months", "72 months"));
    expect(changes(await synced("halden", "support", [folder]))).toEqual(["update warranty.md"]);
    const response = await asked("carol", "How long does the warranty for Brook 5 last?");
    expect(response.passages.map(({ text }) => text).join("\n")).toContain("72 months");
  });

  test("a narrower access list is in force when the command ends, without the text being sent again", async () => {
    const question = "How long does the warranty for Brook 5 last?";
    expect(documentsOf(await asked("carol", question))).toContain("support/warranty.md");
    const list = join(folder, "_reticent.yaml");
    const narrowed = (await readFile(list, "utf8")).replace(/.*contractors \}\n/, "");
    await writeFile(list, narrowed);
    const report = await synced("halden", "support", [folder]);
    expect(report.files.filter(({ id }) => id === "warranty.md")).toMatchObject([{ action: "access" }]);
    expect(documentsOf(await asked("carol", question))).not.toContain("support/warranty.md");
    expect(documentsOf(await asked("erin", question))).toContain("support/warranty.md");
  });

  test("a vanished file is listed, deleted with --delete only, and can come back", async () => {
    const file = join(folder, "returns.md");
    const text = await readFile(file, "utf8");
    await rm(file);
    const listed = await synced("halden", "support", [folder]);
    expect(listed.code).toBe(0);
    expect(changes(listed)).toEqual(["vanished returns.md"]);
    expect(changes(await synced("halden", "support", [folder, "--delete"]))).toEqual(["delete returns.md"]);
    expect(documentsOf(await asked("carol", "How is a return number made up?"))).not.toContain("support/returns.md");
    await writeFile(file, text);
    expect(changes(await synced("halden", "support", [folder]))).toEqual(["create returns.md"]);
  });

  test("an empty folder does not delete a whole source", async () => {
    const empty = await mkdtemp(join(tmpdir(), "reticent-empty-"));
    const screen = terminal();
    const token = await tokenOf("halden", "sam", ["knowledge"]);
    const args = [empty, "--source", "support", "--delete", "--url", service.url, "--token", token];
    expect(await sync(args, screen)).toBe(1);
    expect(screen.err()).toContain("would delete the whole source");
    await rm(empty, { recursive: true });
  });

  test("a file without an access list and one that cannot be indexed end in exit code 1; the others are sent", async () => {
    await writeFile(join(folder, "empty.md"), "\n\n");
    await writeFile(join(folder, "fine.md"), "# Fine\n\nA page about nothing in particular.\n");
    const report = await synced("halden", "support", [folder]);
    expect(report.code).toBe(1);
    expect(changes(report)).toEqual(["failed empty.md", "create fine.md"]);
    expect(report.files.find(({ id }) => id === "empty.md")?.reason).toContain("no-text");
    // A failure that is still there is still told.
    expect(changes(await synced("halden", "support", [folder]))).toEqual(["failed empty.md"]);
    await rm(join(folder, "_reticent.yaml"));
    const refused = await synced("halden", "support", [folder]);
    expect(refused.code).toBe(1);
    expect(refused.files.find(({ id }) => id === "fine.md")).toMatchObject({ action: "refused" });
    expect(refused.files.find(({ id }) => id === "fine.md")?.reason).toContain("no access list");
  });

  test("the command line is checked before anything is sent, and a reader's token is refused", async () => {
    const token = await tokenOf("halden", "erin", ["employees"]);
    const run = async (args: readonly string[]) => {
      const screen = terminal();
      return { code: await sync([...args, "--url", service.url, "--token", token], screen), err: screen.err() };
    };
    expect((await run([folder])).code).toBe(2);
    expect((await run(["--source", "support"])).code).toBe(2);
    expect((await run([folder, "--source", "support", "--concurrency", "0"])).code).toBe(2);
    expect((await run([join(folder, "nowhere"), "--source", "support"])).code).toBe(2);
    const reader = await run([folder, "--source", "support"]);
    expect(reader.code).toBe(1);
    expect(reader.err).toContain('may not write to source "support"');
  });

  test("sync and ask print what a person reads", async () => {
    await writeFile(join(folder, "new.md"), "# New\n\nText of a new page.\n");
    const first = terminal();
    const writer = await tokenOf("halden", "sam", ["knowledge"]);
    expect(await sync([folder, "--source", "support", "--url", service.url, "--token", writer], first)).toBe(0);
    expect(first.out()).toBe(
      "  create    new.md\nsupport: 1 to create, 7 unchanged\nsupport: 1 created, 7 unchanged\n",
    );
    const env = {
      RETICENT_URL: service.url,
      RETICENT_TOKEN: await tokenOf("halden", "erin", ["employees", "engineering"]),
    };
    const answered = terminal(env);
    expect(await ask(["What is the daily meal allowance on a business trip?", "--top-k", "1"], answered)).toBe(0);
    expect(answered.out()).toMatch(
      /^answered, confidence 0\.\d\d.*, 1 passage\n1\. Travel expenses {2}handbook\/travel\/expenses\.md/,
    );
    const abstained = terminal(env);
    expect(await ask(["What is the salary band of a senior engineer?"], abstained)).toBe(0);
    expect(abstained.out()).toContain("abstained: I don't have that information.");
    const filtered = terminal(env);
    expect(
      await ask(["What is the daily meal allowance on a business trip?", "--source", "wiki", "--json"], filtered),
    ).toBe(0);
    expect(retrieveResponseSchema.parse(JSON.parse(filtered.out())).outcome).toBe("abstained");
    expect(await ask(["two", "questions"], terminal(env))).toBe(2);
  });
});
