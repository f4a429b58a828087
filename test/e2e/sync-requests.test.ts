import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { type HttpClient, httpClient } from "#services/cli/http-client.ts";
import { syncFolder } from "#services/cli/sync/sync.ts";
import { type RunningService, startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";

// What `reticent sync` sends, request by request, and what it says of the answers.

const policy = policyFolder();
let dataDir: string;
let service: RunningService;
let token: string;
let folder: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "reticent-requests-"));
  service = await startService(defaultConfig({ port: 0, dataDir, policyDir: policy.dir, logLevel: "silent" }));
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
