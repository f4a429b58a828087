import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("edits of the policy", ["embedded", "full"]);

// What an edit of the policy folder does to a service that runs, over HTTP.

const csv = testPolicy["policy.csv"] ?? "";
const trust = testPolicy["trust.yaml"] ?? "";
const misspelt = `${csv}p, group:guests, one, source:open, read, denny\n`;
const misspeltLine = csv.split("\n").length;
const everyone = [{ access_type: "grant", type: "everyone" }];
const ownTests = `tests:
  - name: guests are kept out of secrets
    caller: { tenant: one, user: gus, groups: [guests] }
    may_not_read: [{ source: open, labels: [secret] }]
`;

describe.for(stacks)("$name", (stack) => {
  /** A service with one document that guests may read. */
  async function open(overrides: Partial<ServiceConfig> = {}, files: Readonly<Record<string, string>> = testPolicy) {
    const dataDir = await mkdtemp(join(tmpdir(), "reticent-edits-"));
    const folder = policyFolder(files);
    const place = stack.place();
    const config = defaultConfig({
      ...stack.settings(place),
      embedder: "hashed",
      port: 0,
      dataDir,
      policyDir: folder.dir,
      logLevel: "info",
      ...overrides,
    });
    const log: string[] = [];
    const service = await startService(config, { write: (line) => void log.push(line) });
    onTestFinished(async () => {
      await service.close();
      await stack.erase(place);
      folder.remove();
      await rm(dataDir, { recursive: true, force: true });
    });

    async function call(group: string, method: string, path: string, body?: unknown) {
      const request = {
        dataDir,
        tenant: "one",
        user: "u",
        groups: [group],
        agents: [],
        ttlS: 600,
        audience: "reticent",
      };
      const response = await fetch(`${service.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await signToken(request)}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    }
    const put = await call("writers", "PUT", "/v1/documents/open/well?wait=true", {
      version: 1,
      title: "well",
      content_type: "text/plain",
      body: "The well in the courtyard is nine fathoms deep",
      acl: everyone,
    });
    expect(put.status).toBe(200);
    const ready = async (): Promise<{ status: number; codes: readonly string[] }> => {
      const response = await fetch(`${service.url}/readyz`);
      return { ...((await response.json()) as { codes: string[] }), status: response.status };
    };
    /** Edits a file of the folder, and waits for what it does: the promised two seconds, and not longer. */
    async function edit(file: string, text: string, holds: () => Promise<boolean>): Promise<void> {
      await writeFile(join(folder.dir, file), text);
      const until = performance.now() + 2_000;
      while (!(await holds())) {
        if (performance.now() > until) throw new Error(`the edit of ${file} did nothing within two seconds`);
        await sleep(20);
      }
    }
    return {
      log,
      folder,
      call,
      ready,
      edit,
      ask: () => call("guests", "POST", "/v1/retrieve", { query: "how deep is the well in the courtyard" }),
      status: () => call("writers", "GET", "/v1/status"),
      reject: (file: string, text: string) =>
        edit(file, text, async () => (await ready()).codes.includes("policy-edit-rejected")),
    };
  }

  test("a broken edit changes nothing and is told by code, file, line and log; the repaired file takes over within two seconds", async () => {
    // As it is shipped: a look every half second and a tenth of a second of rest leave the two seconds more than one second of margin.
    const { ask, call, edit, log, ready, reject, status } = await open();
    expect(defaultConfig().policyPollMs).toBeLessThanOrEqual(500);
    await reject("policy.csv", misspelt);
    expect((await ready()).status).toBe(200);
    expect((await ask()).body).toMatchObject({ outcome: "answered" });
    expect((await status()).body).toMatchObject({
      policy: { rejected: { problems: [{ file: "policy.csv", line: misspeltLine, code: "unknown-effect" }] } },
    });
    expect(JSON.stringify(await ready())).not.toContain("policy.csv");
    expect((await call("guests", "GET", "/v1/status")).status).toBe(403);
    const told = log
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ kind }) => kind === "rejected");
    expect(told).toMatchObject([
      {
        level: 50,
        msg: "policy edit rejected; the last good revision stays in force",
        problems: [{ file: "policy.csv", line: misspeltLine, message: expect.stringContaining("denny") }],
      },
    ]);

    const abstains = async () => (await ask()).body.outcome === "abstained";
    await edit("policy.csv", misspelt.replace("denny", "deny"), abstains);
    expect((await ready()).codes).not.toContain("policy-edit-rejected");
    await edit("policy.csv", csv, async () => !(await abstains()));
  });

  test("when a rejected edit is too old, nothing is answered, but access can still be taken away and an administrator sees why", async () => {
    const { ask, call, ready, reject, status } = await open({ rejectedPolicyMaxAgeMs: -1, policyPollMs: 50 });
    const well = "/v1/documents/open/well";
    const disable = (disabled: boolean) => call("writers", "PUT", "/v1/principals/user%3Aeve/disabled", { disabled });
    await reject("policy.csv", misspelt);
    const refused = { status: 503, body: { code: "policy-unavailable" } };
    expect(await ready()).toMatchObject({ status: 503, codes: expect.arrayContaining(["policy-unavailable"]) });
    expect(await ask()).toMatchObject(refused);
    expect(await call("guests", "GET", well)).toMatchObject(refused);
    expect(await call("guests", "GET", "/v1/documents")).toMatchObject(refused);
    expect(
      await call("writers", "PUT", well, { version: 2, title: "w", content_type: "text/plain", body: "w", acl: [] }),
    ).toMatchObject(refused);
    expect(await disable(false)).toMatchObject(refused);
    expect(await call("writers", "PUT", `${well}/acl`, { acl: everyone, labels: [] })).toMatchObject(refused);

    expect(await status()).toMatchObject({
      status: 200,
      body: { policy: { rejected: { problems: [{ file: "policy.csv", line: misspeltLine }] } } },
    });
    expect((await call("guests", "GET", "/v1/status")).status).toBe(403);
    expect(await disable(true)).toMatchObject({ status: 200, body: { disabled: true } });
    expect(await call("guests", "PUT", `${well}/acl`, { acl: [], labels: [] })).toMatchObject({ status: 403 });
    expect(await call("writers", "PUT", `${well}/acl`, { acl: [], labels: [] })).toMatchObject({ status: 200 });
    expect(await call("guests", "DELETE", `${well}?version=2`)).toMatchObject({ status: 403 });
    expect(await call("writers", "DELETE", `${well}?version=2`)).toMatchObject({ status: 200 });
  });

  test("an edit that takes the model in use out of trust.yaml is rejected with its line, and answers go on", async () => {
    const { ask, ready, reject, status } = await open({ policyPollMs: 50 });
    await reject("trust.yaml", trust.replace("local/hashed-384-v1", "local/hashed-384-v2"));
    expect((await ready()).status).toBe(200);
    expect((await ask()).body).toMatchObject({ outcome: "answered" });
    const line = trust.split("\n").indexOf("models:") + 1;
    expect((await status()).body).toMatchObject({
      policy: { rejected: { problems: [{ file: "trust.yaml", line, code: "missing-model" }] } },
    });
  });

  test("a policy that loses its tests while the service runs is a rejected edit; one that never had any is said to be untested", async () => {
    const tested = await open({ policyPollMs: 50 }, { ...testPolicy, "tests/one.yaml": ownTests });
    expect((await tested.ready()).codes).toEqual([]);
    // The deny that the test is about goes together with the test.
    await writeFile(join(tested.folder.dir, "tests", "one.yaml"), "tests: []\n");
    await tested.reject("policy.csv", csv.replace("p, group:guests, one, label:secret, read, deny\n", ""));
    expect((await tested.status()).body).toMatchObject({
      policy: { rejected: { problems: [{ file: "tests", line: 0, code: "tests-missing" }] } },
    });

    const untested = await open({ policyPollMs: 50 });
    expect(await untested.ready()).toMatchObject({ status: 200, codes: ["policy-untested"] });
  });
});
