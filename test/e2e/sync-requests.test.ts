import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { type HttpClient, httpClient } from "#services/cli/http-client.ts";
import { run as sync, syncFolder } from "#services/cli/sync/sync.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("sync's requests", ["embedded", "full"]);

// What `reticent sync` sends, request by request, and what it says of the answers.

describe.for(stacks)("$name", (stack) => {
  const policy = policyFolder();
  let dataDir: string;
  let service: RunningService;
  const place = stack.place();
  let token: string;
  let folder: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "reticent-requests-"));
    service = await startService(
      defaultConfig({
        ...stack.settings(place),
        embedder: "hashed",
        port: 0,
        dataDir,
        policyDir: policy.dir,
        logLevel: "silent",
      }),
    );
    const groups = ["writers"];
    token = await signToken({
      dataDir,
      audience: "reticent",
      tenant: "one",
      user: "wendy",
      groups,
      agents: [],
      ttlS: 600,
      clock: Date.now,
    });
  });
  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    await rm(dataDir, { recursive: true, force: true });
    policy.remove();
  });

  const acl = "acl:\n  - { access_type: grant, type: everyone }\n";
  const dated = `${acl}quality: { updated_at: 2026-02-02 }\n`;

  // Each test starts with three pages that are stored as they are.
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "reticent-requests-"));
    await write({
      "_reticent.yaml": dated,
      "oak.md": "# Oak\n\nThe oak has lobed leaves.\n",
      "elm.md": "# Elm\n\nThe elm has uneven leaves.\n",
      "fir.txt": "The fir has needles.\n",
    });
    await requestsOf({ remove: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  }

  const options = () =>
    ({
      folder,
      source: "open",
      remove: false,
      dryRun: false,
      concurrency: 2,
      wait: true,
      dates: "stated",
    }) as const;

  const client = () => httpClient({ baseUrl: service.url, token });

  /** Synchronises the folder and tells what was sent: every request that is no question, in alphabetical order. */
  async function requestsOf(extra: { readonly remove?: boolean } = {}): Promise<string[]> {
    const sent: string[] = [];
    const counting: HttpClient = {
      ...client(),
      request(request) {
        if (request.method !== "GET") sent.push(`${request.method} ${request.path}`);
        return client().request(request);
      },
    };
    await syncFolder(counting, { ...options(), ...extra });
    return sent.toSorted();
  }

  test("what is sent is decided by content and access: unchanged files send nothing, changed access sends access alone", async () => {
    expect(await requestsOf()).toEqual([]);
    await write({ "_reticent.yaml": `${dated}labels: [personal]\n` });
    const access = ["elm.md", "fir.txt", "oak.md"].map((id) => `PUT /v1/documents/open/${id}/acl`);
    expect(await requestsOf()).toEqual(access);
    expect(await requestsOf()).toEqual([]);
    await write({ "oak.md": "# Oak\n\nThe oak has acorns.\n" });
    expect(await requestsOf()).toEqual(["PUT /v1/documents/open/oak.md"]);
    // Both at once is one request.
    await write({ "_reticent.yaml": dated, "oak.md": "# Oak\n\nThe oak grows old.\n" });
    expect(await requestsOf()).toEqual([...access.slice(0, 2), "PUT /v1/documents/open/oak.md"]);
    expect(await requestsOf()).toEqual([]);
  });

  test("a copy, a checkout and a touch are no changes: nothing is sent, whether pages state a date or not", async () => {
    const touch = async (year: number) => {
      const at = new Date(Date.UTC(year, 0, 1));
      for (const name of await readdir(folder)) await utimes(join(folder, name), at, at);
    };
    await touch(2031);
    expect(await requestsOf()).toEqual([]);
    await write({ "_reticent.yaml": acl });
    expect(await requestsOf()).toHaveLength(3);
    await touch(2032);
    expect(await requestsOf()).toEqual([]);
  });

  test("of two runs at once, the one whose documents the service had already reports them unchanged, not created", async () => {
    await write({ "ash.md": "# Ash\n\nThe ash has keys.\n", "_reticent.yaml": `${dated}labels: [personal]\n` });
    await rm(join(folder, "fir.txt"));
    // The slower run has made its plan, and sends nothing before the faster one has ended.
    const planned = Promise.withResolvers<void>();
    const faster = Promise.withResolvers<void>();
    const slow: HttpClient = {
      ...client(),
      async request(request) {
        if (request.method !== "GET") {
          planned.resolve();
          await faster.promise;
        }
        return client().request(request);
      },
    };
    const second = syncFolder(slow, { ...options(), remove: true });
    await planned.promise;
    const first = await syncFolder(client(), { ...options(), remove: true });
    faster.resolve();
    const actions = ({ items }: Awaited<typeof second>) => items.map(({ id, action }) => `${action} ${id}`);
    expect(actions(first)).toEqual(["create ash.md", "access elm.md", "delete fir.txt", "access oak.md"]);
    // A list that was changed under it is no repeat: it says so.
    expect(actions(await second)).toEqual(["unchanged ash.md", "failed elm.md", "unchanged fir.txt", "failed oak.md"]);
    expect((await second).items[1]?.reason).toContain("somebody else changed it meanwhile");
  });

  /** A service that stops answering as it did after some documents were stored. */
  async function failingAfter(puts: number, how: "expired" | "gone") {
    let left = puts;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (request.method !== "GET") left -= 1;
      if (left < 0 && how === "gone") {
        server.close();
        server.closeAllConnections();
        return;
      }
      if (left < 0) {
        response.writeHead(401, { "content-type": "application/problem+json" });
        response.end(JSON.stringify({ code: "unauthenticated", title: "Credentials are missing or invalid" }));
        return;
      }
      const answer = await fetch(`${service.url}${request.url}`, {
        method: request.method ?? "GET",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(await answer.text());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () => {
        server.close();
        server.closeAllConnections();
      },
    };
  }

  async function runSync(args: readonly string[]) {
    let out = "";
    let err = "";
    const terminal = {
      stdout: { write: (text: string) => (out += text) },
      stderr: { write: (text: string) => (err += text) },
      env: {},
    };
    const code = await sync([folder, "--source", "open", "--token", token, ...args], terminal);
    return { code, out, err };
  }

  for (const [how, code] of [
    ["expired", "unauthenticated"],
    ["gone", "unreachable"],
  ] as const) {
    test(`a run that stops half-way (${how}) reports what was done, what was not, and why`, async () => {
      const names = ["tree-1.md", "tree-2.md", "tree-3.md", "tree-4.md", "tree-5.md"];
      for (const name of names) await write({ [name]: `# ${name}\n\nA page about ${name}.\n` });
      const broken = await failingAfter(2, how);
      const { out, err, ...result } = await runSync(["--json", "--concurrency", "1", "--url", broken.url]);
      broken.close();
      expect(result.code).toBe(1);
      expect(err).toMatch(/^reticent sync: stopped: .*\n$/);
      const report = JSON.parse(out);
      expect(report).toMatchObject({ source: "open", dry_run: false, error: { code } });
      expect(report.counts).toMatchObject({ create: 2, failed: 1, unsent: 2, unchanged: 3 });
      const actionOf = Object.fromEntries(
        report.files.map((file: { id: string; action: string }) => [file.id, file.action]),
      );
      expect(names.map((name) => actionOf[name])).toEqual(["create", "create", "failed", "unsent", "unsent"]);
      // It was true: the next run sends the rest, and only that.
      expect(await requestsOf()).toEqual(names.slice(2).map((name) => `PUT /v1/documents/open/${name}`));
    });
  }

  test("a run that cannot even begin prints a report with the reason, and a person reads what was not sent", async () => {
    const dead = await failingAfter(0, "gone");
    dead.close();
    const json = await runSync(["--json", "--url", dead.url]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ files: [], error: { code: "unreachable" } });
    await write({ "yew.md": "# Yew\n\nThe yew is old.\n", "zelkova.md": "# Zelkova\n\nThe zelkova is rare.\n" });
    const broken = await failingAfter(1, "expired");
    const person = await runSync(["--concurrency", "1", "--url", broken.url]);
    broken.close();
    expect(person.code).toBe(1);
    expect(person.out).toContain("open: 1 created, 3 unchanged, 1 failed\n");
    expect(person.out).toContain("  failed    zelkova.md: create: ");
  });

  test("waiting for the rate limit is told, with how long and why", async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(asked === 1 ? 429 : 200, { "retry-after": "0", "content-type": "application/json" });
      response.end(
        asked === 1 ? JSON.stringify({ code: "rate-limited" }) : JSON.stringify({ sources: [], labels: [] }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const waits: [number, number][] = [];
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const patient = httpClient({ baseUrl, token, onWait: (waitMs, { status }) => waits.push([waitMs, status]) });
    await expect(syncFolder(patient, options())).rejects.toThrow("may not write");
    expect(waits).toEqual([[0, 429]]);
    server.close();
    server.closeAllConnections();
  });
});
