import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { AppError } from "#core/errors.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import { serverFor, startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import { type RunningService, serve } from "#services/process/serve.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("the whole service", ["embedded", "mixed", "full"]);

// The whole service, over HTTP, as people use it.

describe.for(stacks)("$name", (stack) => {
  let dataDir: string;
  let folder: ReturnType<typeof policyFolder>;
  let config: ServiceConfig;
  let service: RunningService;
  const place = stack.place();

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "reticent-service-"));
    folder = policyFolder();
    config = defaultConfig({
      ...stack.settings(place),
      embedder: "hashed",
      port: 0,
      dataDir,
      policyDir: folder.dir,
      logLevel: "silent",
      policyPollMs: 50,
    });
    service = await startService(config);
  });
  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    folder.remove();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function call(
    user: string,
    groups: readonly string[],
    method: string,
    path: string,
    body?: unknown,
    base = service,
  ) {
    const token = await signToken({
      dataDir,
      tenant: "one",
      user,
      groups,
      agents: [],
      ttlS: 600,
      audience: "reticent",
    });
    const response = await fetch(`${base.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  const everyone = [{ access_type: "grant", type: "everyone" }];
  const put = (id: string, body: string, extra: object = {}) =>
    call("wendy", ["writers"], "PUT", `/v1/documents/open/${encodeURIComponent(id)}?wait=true`, {
      version: 1,
      title: id,
      content_type: "text/plain",
      body,
      acl: everyone,
      ...extra,
    });
  const ask = (user: string, groups: readonly string[], query: string, base = service) =>
    call(user, groups, "POST", "/v1/retrieve", { query }, base);

  test("a document is searchable when a put that waited returns, and the answer has the documented shape", async () => {
    expect(await put("lamp", "The lamp of the lighthouse burns amber")).toMatchObject({
      status: 200,
      body: { outcome: "created", document: { state: "searchable" } },
    });
    const answer = await ask("gwen", ["guests"], "what burns in the lamp of the lighthouse");
    const parsed = retrieveResponseSchema.parse(answer.body);
    expect(parsed).toMatchObject({ outcome: "answered", calibration: { state: "uncalibrated" } });
    expect(parsed.passages[0]).toMatchObject({ document_id: "lamp", text: "The lamp of the lighthouse burns amber" });
    expect(await call("gwen", ["guests"], "POST", "/retrieve", { query: "lamp of the lighthouse" })).toMatchObject({
      status: 200,
    });
  });

  test("a question about nothing in the corpus is a typed abstention with status 200", async () => {
    const answer = await ask("gwen", ["guests"], "zyxwv utsrq");
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      outcome: "abstained",
      message: "I don't have that information.",
      passages: [],
    });
  });

  test("callers get the trace of their own question about what they may read now; others get a 404", async () => {
    await put("mast", "The mast of the ship is made of larch");
    const { body } = await ask("gwen", ["guests"], "mast of the ship larch");
    const path = `/v1/retrievals/${String(body.id)}`;
    const own = await call("gwen", ["guests"], "GET", path);
    expect(own.body).toMatchObject({ view: "own", features: expect.any(Object) });
    expect(JSON.stringify(own.body)).toContain('"mast"');
    expect(JSON.stringify(own.body)).not.toContain("made of larch");
    expect((await call("greg", ["guests"], "GET", path)).status).toBe(404);
    expect((await call("eve", ["guests", "explainers"], "GET", path)).body).toMatchObject({ view: "explain" });

    await call("wendy", ["writers"], "PUT", "/v1/documents/open/mast/acl", { acl: [], labels: [] });
    const after = await call("gwen", ["guests"], "GET", path);
    expect(after.body).toMatchObject({ view: "own", features: null, decision: { confidence: null } });
    expect(JSON.stringify(after.body)).not.toContain('"generation"');
    expect(JSON.stringify(after.body.candidates)).not.toContain('"mast"');
    expect(JSON.stringify((await call("eve", ["guests", "explainers"], "GET", path)).body)).toContain('"mast"');
  });

  test("a disabled principal is refused before the token expires, and without that guard would still read", async () => {
    await put("rope", "The rope on the pier is forty metres long");
    const asked = () => ask("dora", ["guests"], "how long is the rope on the pier");
    expect((await asked()).body).toMatchObject({ outcome: "answered" });
    await call("wendy", ["writers"], "PUT", "/v1/principals/user%3Adora/disabled", { disabled: true });
    expect(await asked()).toMatchObject({ status: 403, body: { code: "principal-disabled" } });

    // The same ledger, asked by a service whose guard looks away.
    await service.close();
    const ports = await openPorts(config, () => {});
    const blind: Ledger = new Proxy(ports.ledger, {
      get(target, name) {
        if (name === "disabledAmong") return async () => [];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const unguarded = await serve({ ...ports, ledger: blind }, config, serverFor(config));
    expect((await ask("dora", ["guests"], "how long is the rope on the pier", unguarded)).body).toMatchObject({
      outcome: "answered",
    });
    await unguarded.close();

    // And after a restart the guard is back.
    service = await startService(config);
    expect((await asked()).status).toBe(403);
    await call("wendy", ["writers"], "PUT", "/v1/principals/user%3Adora/disabled", { disabled: false });
    expect((await asked()).status).toBe(200);
  });

  test("while the ledger refuses writes, /readyz says so, questions are answered, and the first write that is kept ends it", async () => {
    await put("buoy", "The buoy off the pier is painted green");
    // What a full disk answers, at the one place where the service writes.
    const full = new AppError("ledger-unavailable", {}, { cause: new Error("database or disk is full") });
    let isFull = true;
    await service.close();
    const ports = await openPorts(config, () => {});
    const ledger: Ledger = new Proxy(ports.ledger, {
      get(target, name) {
        if (isFull && name === "putDocument") return () => Promise.reject(full);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    service = await serve({ ...ports, ledger }, config, serverFor(config));
    const ready = async () => {
      const response = await fetch(`${service.url}/readyz`);
      const { codes } = (await response.json()) as { codes: string[] };
      return [response.status, codes.includes("ledger-unwritable")];
    };
    expect(await ready()).toEqual([200, false]);
    expect(await put("raft", "A raft")).toMatchObject({ status: 503, body: { code: "ledger-unavailable" } });
    expect(await ready()).toEqual([200, true]);
    expect((await ask("gwen", ["guests"], "what colour is the buoy off the pier")).status).toBe(200);
    isFull = false;
    // A repeat writes nothing, and so proves nothing.
    expect((await put("buoy", "The buoy off the pier is painted green")).body).toMatchObject({ outcome: "unchanged" });
    expect(await ready()).toEqual([200, true]);
    expect((await put("raft", "A raft")).status).toBe(200);
    expect(await ready()).toEqual([200, false]);
  });

  test("a second process is refused with one clear line on data of one process alone, and answers on data that is shared", async () => {
    await put("oar", "The oar of the dinghy is varnished twice a year");
    const told = await startService(config).then(
      async (second) => {
        const { body } = await ask("gwen", ["guests"], "how often is the oar of the dinghy varnished", second);
        await second.close();
        return JSON.stringify(body);
      },
      (error: unknown) => String(error),
    );
    expect(told).toMatch(stack.isShared ? /varnished twice a year/ : /data directory .* is in use by another process/);
  });

  test("a model without a floor in trust.yaml stops the start-up", async () => {
    const bare = policyFolder({
      ...testPolicy,
      "trust.yaml": (testPolicy["trust.yaml"] ?? "").replace("local/hashed-384-v1", "other/model"),
    });
    const dir = await mkdtemp(join(tmpdir(), "reticent-service-"));
    try {
      await expect(startService({ ...config, policyDir: bare.dir, dataDir: dir })).rejects.toThrow(
        /no entry for local\/hashed-384-v1/,
      );
    } finally {
      bare.remove();
      await rm(dir, { recursive: true, force: true });
    }
  });

  test("everything that was acknowledged before a shutdown is searchable after the next start", async () => {
    const ids = Array.from({ length: 20 }, (_, number) => `pebble-${number}`);
    const accepted = await Promise.all(
      ids.map((id) =>
        call("wendy", ["writers"], "PUT", `/v1/documents/open/${id}`, {
          version: 1,
          title: id,
          content_type: "text/plain",
          body: `${id} lies on the beach of quartz`,
          acl: everyone,
        }),
      ),
    );
    expect(new Set(accepted.map((answer) => answer.status))).toEqual(new Set([202]));
    await service.close();
    service = await startService(config);
    for (const id of ids) {
      for (let tries = 0; tries < 200; tries += 1) {
        const { body } = await call("wendy", ["writers"], "GET", `/v1/documents/open/${id}`);
        if ((body.document as { state: string }).state === "searchable") break;
        await sleep(25);
      }
      expect(await call("wendy", ["writers"], "GET", `/v1/documents/open/${id}`)).toMatchObject({
        body: { document: { state: "searchable" } },
      });
    }
  });

  test("a budget smaller than one passage is refused by name, never answered with half a passage", async () => {
    const answer = await call("gwen", ["guests"], "POST", "/v1/retrieve", { query: "lamp", max_tokens: 10 });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid-request", pointer: "/max_tokens" } });
  });

  test("a caller can raise the threshold for a request and cannot lower it", async () => {
    const question = "what burns in the lamp of the lighthouse";
    const raised = await call("gwen", ["guests"], "POST", "/v1/retrieve", { query: question, min_confidence: 1 });
    expect(raised.body).toMatchObject({ outcome: "abstained", reason: "low_confidence", gates: { threshold: 1 } });
    const lowered = await call("gwen", ["guests"], "POST", "/v1/retrieve", { query: question, min_confidence: 0 });
    expect(lowered.body).toMatchObject({ outcome: "answered", gates: { threshold: 0.2 } });
  });
});
