import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { run as exportRun } from "#services/cli/archive/export.ts";
import { run as importRun } from "#services/cli/archive/import.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { openStacks, type Stack } from "#test/kit/stacks.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { until } from "#test/kit/until.ts";

// A deployment that moves from one machine's files to servers, and back, as people do it: by `export` and `import`.

const stacks = await openStacks("a deployment that moves", ["full"]);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "reticent-move-"));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

interface Answer {
  readonly outcome?: string;
  readonly code?: string;
  readonly reason?: string | null;
  readonly passages?: readonly { readonly document_id: string; readonly text: string }[];
}

const everybody = [{ access_type: "grant", type: "everyone" }];
const staff = [{ access_type: "grant", type: "group", value: "staff" }];

/** A deployment: where its data lies, and what its processes and commands are told. */
async function deployment(dataDir: string, settings: Partial<ServiceConfig>) {
  const policy = policyFolder();
  closers.push(() => policy.remove());
  const service = await startService(
    defaultConfig({
      ...settings,
      embedder: "hashed",
      port: 0,
      dataDir,
      policyDir: policy.dir,
      logLevel: "silent",
      sweepMs: 25,
    }),
  );
  closers.push(() => service.close());
  const call = async (group: string, method: string, path: string, body?: unknown) => {
    const claims = { tenant: "one", user: "gwen", groups: [group], agents: [], ttlS: 600, audience: "reticent" };
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await signToken({ dataDir, ...claims })}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  };
  const ask = (group: string, query: string) => call(group, "POST", "/v1/retrieve", { query });
  return {
    close: () => service.close(),
    call,
    put: (id: string, version: number, body: string, acl: readonly object[]) =>
      call("writers", "PUT", `/v1/documents/open/${id}?wait=true`, {
        version,
        title: id,
        content_type: "text/plain",
        body,
        acl,
      }),
    /** What the two groups are told about everything that there is or was. */
    async answers() {
      const questions = ["what burns in the lamp", "how many steps has the tower", "what is the mast made of", "rope"];
      const told = [];
      for (const group of ["guests", "staff"]) {
        for (const query of questions) {
          const { status, body } = await ask(group, query);
          const passages = body.passages?.map(({ document_id, text }) => [document_id, text]);
          told.push({ group, query, status, outcome: body.outcome, reason: body.reason, passages });
        }
      }
      return told;
    },
    /** Settled at the first answer to a question that has one; notes every code and outcome before. */
    async ready(): Promise<ReadonlySet<string>> {
      const waiting = new Set<string>();
      await until(async () => {
        const { body } = await ask("staff", "what burns in the lamp");
        if (body.outcome !== "answered") waiting.add(body.code ?? String(body.reason));
        return body.outcome === "answered";
      });
      return waiting;
    },
  };
}

/** A place on a stack's servers: for a service, and for a command's environment. */
async function takePlace(stack: Stack) {
  const place = stack.place();
  closers.push(() => stack.erase(place));
  const settings = stack.settings(place);
  const shared = {
    RETICENT_LEDGER: settings.adapters.ledger,
    RETICENT_INDEX: settings.adapters.index,
    RETICENT_QUEUE: settings.adapters.queue,
    RETICENT_REDIS_URL: settings.redis?.url ?? "",
    RETICENT_QDRANT_URL: settings.qdrant?.url ?? "",
    RETICENT_NAMESPACE: place.namespace,
    RETICENT_LEDGER_DURABILITY: settings.redis?.durability ?? "always",
  };
  return { settings, shared };
}

async function done(run: typeof exportRun, archive: string, env: Readonly<Record<string, string>>): Promise<void> {
  const terminal = capturedTerminal(env);
  expect([await run([archive, "--json"], terminal), terminal.err()]).toEqual([0, ""]);
}

// Without its servers there is nothing to run, which was said.
describe.skipIf(stacks.length === 0)("A deployment", () => {
  test.for(stacks)(
    "moves from embedded to the stack $name and back: nobody is told that there is no answer meanwhile, and afterwards everybody is told the same",
    async (stack) => {
      const [first, second, third, archives] = [await folder(), await folder(), await folder(), await folder()];
      const one = await deployment(first, {});
      for (const [id, body, acl] of [
        ["lamp", "Whale oil burns in the lamp.", everybody],
        ["tower", "The tower has two hundred steps.", staff],
        ["mast", "The mast is made of larch.", everybody],
        ["rope", "The rope is forty metres long.", everybody],
      ] as const) {
        expect((await one.put(id, 1, body, acl)).status).toBe(200);
      }
      await one.put("lamp", 2, "Seal oil burns in the lamp.", everybody);
      await one.call("writers", "PUT", "/v1/documents/open/mast/acl", { acl: [], labels: [] });
      await one.call("writers", "DELETE", "/v1/documents/open/rope?version=2");
      const before = await one.answers();
      expect(JSON.stringify(before)).toContain("Seal oil");
      expect(JSON.stringify(before)).not.toMatch(/Whale|larch|forty/);
      await one.close();

      const { settings, shared } = await takePlace(stack);
      await done(exportRun, join(archives, "out"), { RETICENT_DATA: first });
      await done(importRun, join(archives, "out"), { ...shared, RETICENT_DATA: second });
      const two = await deployment(second, settings);
      for (const code of await two.ready()) expect(code).toBe("reindexing");
      expect(await two.answers()).toEqual(before);
      expect((await two.put("tower", 2, "The tower has three hundred steps.", staff)).status).toBe(200);
      const after = await two.answers();
      expect(JSON.stringify(after)).toContain("three hundred");
      await two.close();

      await done(exportRun, join(archives, "back"), { ...shared, RETICENT_DATA: second });
      await done(importRun, join(archives, "back"), { RETICENT_DATA: third });
      const back = await deployment(third, {});
      await until(async () => JSON.stringify(await back.answers()) === JSON.stringify(after));
      await back.close();
    },
  );

  test.for(stacks)(
    "whose index was whole before an import answers nothing until it is whole again (stack $name)",
    async (stack) => {
      const [first, second, archives] = [await folder(), await folder(), await folder()];
      const one = await deployment(first, {});
      await one.put("lamp", 1, "Whale oil burns in the lamp.", everybody);
      await one.close();
      await done(exportRun, join(archives, "out"), { RETICENT_DATA: first });

      const { settings, shared } = await takePlace(stack);
      const asked = (to: Awaited<ReturnType<typeof deployment>>) =>
        to.call("staff", "POST", "/v1/retrieve", { query: "what burns in the lamp" });
      // Whole, as far as anybody knows: there is nothing yet.
      const empty = await deployment(second, settings);
      await until(async () => (await asked(empty)).status === 200);
      await empty.close();
      const reader = await deployment(second, { ...settings, role: "query" });
      expect(await asked(reader)).toMatchObject({ status: 200, body: { outcome: "abstained" } });
      await done(importRun, join(archives, "out"), { ...shared, RETICENT_DATA: second });
      // Nobody is there to index it.
      await until(async () => (await asked(reader)).body.code === "reindexing");
      const worker = await deployment(second, settings);
      for (const code of await reader.ready()) expect(code).toBe("reindexing");
      expect((await asked(worker)).body.outcome).toBe("answered");
    },
  );
});
