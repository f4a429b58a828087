import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { type EmbeddingsServer, embeddingsServer, type Mode } from "#test/kit/embeddings-server.ts";
import { openAiFor, testKey } from "#test/kit/openai.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { until } from "#test/kit/until.ts";

// The whole service on an embeddings endpoint, over HTTP, while the endpoint fails in every way that endpoints do.

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const lamp = "what burns in the lamp of the lighthouse";
const trust = `${testPolicy["trust.yaml"]}  openai/hashed: { floor: 0.02, threshold: 0.2, origin: chosen for tests }\n`;

async function house(server: EmbeddingsServer, overrides: Partial<ServiceConfig> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), "reticent-endpoint-"));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const folder = policyFolder({ ...testPolicy, "trust.yaml": trust });
  closers.push(() => folder.remove());
  const { patience, ...options } = openAiFor(server);
  const hasty = { ...patience, attemptMs: 100, queryMs: 250, passageMs: 250, restMs: 50 };
  const log: string[] = [];
  const service: RunningService = await startService(
    defaultConfig({
      embedder: "openai",
      openai: { ...options, patience: hasty },
      port: 0,
      dataDir,
      policyDir: folder.dir,
      logLevel: "debug",
      sweepMs: 25,
      ...overrides,
    }),
    { write: (line) => void log.push(line) },
  );
  closers.push(() => service.close());
  const call = async (user: string, group: string, method: string, path: string, body?: unknown) => {
    const claims = { tenant: "one", user, groups: [group], agents: [], ttlS: 600, audience: "reticent" };
    const token = await signToken({ dataDir, ...claims });
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { outcome?: string; code?: string; document?: { state: string } };
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body: answer };
  };
  return {
    log,
    call,
    put: (id: string, text: string, wait = false, version = 1) =>
      call("wendy", "writers", "PUT", `/v1/documents/open/${id}${wait ? "?wait=true" : ""}`, {
        version,
        title: id,
        content_type: "text/plain",
        body: text,
        acl: [{ access_type: "grant", type: "everyone" }],
      }),
    state: async (id: string) => (await call("wendy", "writers", "GET", `/v1/documents/open/${id}`)).body,
    ask: (query: string) => call("gwen", "guests", "POST", "/v1/retrieve", { query }),
    failures: () => log.filter((line) => line.includes("indexing failed, will be tried again")).length,
  };
}

async function started(): Promise<EmbeddingsServer> {
  const server = await embeddingsServer();
  closers.push(() => server.stop());
  return server;
}

const faults: readonly (readonly [string, Mode | "refused"])[] = [
  ["refuses the connection", "refused"],
  ["hangs", "hang"],
  ["is too slow", "slow-drip"],
  ["cuts the connection", "reset"],
  ["answers with an error", "error"],
  ["limits the rate", "rate-limited"],
  ["refuses the key", "unauthorised"],
  ["answers with garbage", "html"],
  ["breaks off in the middle", "truncated"],
  ["answers with another shape", "too-few"],
  ["answers with holes", "null-component"],
  ["answers with nothing", "empty"],
];

test.for(faults)(
  "while the endpoint %s, questions get 503 and writes are kept; when it is well again, both are made good without a restart",
  async ([, fault]) => {
    const server = await started();
    const service = await house(server);
    expect((await service.put("lamp", "The lamp of the lighthouse burns amber", true)).body.document?.state).toBe(
      "searchable",
    );
    expect((await service.ask(lamp)).body).toMatchObject({ outcome: "answered" });

    if (fault === "refused") await server.stop();
    else server.mode = fault;
    const during = await service.ask(lamp);
    expect(during).toMatchObject({ status: 503, body: { code: "embedder-unavailable" } });
    expect(Number(during.retryAfter)).toBeGreaterThanOrEqual(1);
    expect(during.body.outcome).toBeUndefined();
    expect(await service.put("mast", "The mast of the ship is made of larch")).toMatchObject({ status: 202 });
    await until(() => service.failures() > 0);
    expect(JSON.stringify(await service.state("mast"))).toContain('"state":"indexing"');
    expect(await service.ask("zyxwv utsrq")).toMatchObject({ status: 503, body: { code: "embedder-unavailable" } });

    if (fault === "refused") await server.start();
    else server.mode = "floats";
    await until(async () => (await service.ask("what is the mast of the ship made of")).body.outcome === "answered");
    expect((await service.ask(lamp)).body).toMatchObject({ outcome: "answered" });
    expect(service.log.join("")).not.toContain(testKey);
  },
);

test("the service starts while the endpoint is away, says that it is not ready, keeps what is written, and catches up", async () => {
  const server = await started();
  await server.stop();
  const service = await house(server);
  expect(await service.call("gwen", "guests", "GET", "/readyz")).toMatchObject({
    status: 503,
    body: { codes: ["policy-untested", "embedder-unavailable"] },
  });
  expect(await service.put("lamp", "The lamp of the lighthouse burns amber")).toMatchObject({ status: 202 });
  expect(await service.ask(lamp)).toMatchObject({ status: 503, body: { code: "embedder-unavailable" } });
  await server.start();
  await until(async () => (await service.ask(lamp)).body.outcome === "answered");
  expect(await service.call("gwen", "guests", "GET", "/readyz")).toMatchObject({ status: 200 });
});

test("a document whose text the endpoint refuses fails visibly and alone, and is indexed when its text is another one", async () => {
  const server = await started();
  const service = await house(server);
  server.refused.add("quicksand");
  await service.put("dunes", "Nobody walks in the dunes, because of the quicksand there");
  await until(async () => JSON.stringify(await service.state("dunes")).includes('"failed"'));
  expect(JSON.stringify(await service.state("dunes"))).toContain("the embedding model refuses the text");
  expect((await service.put("lamp", "The lamp of the lighthouse burns amber", true)).body.document?.state).toBe(
    "searchable",
  );
  expect((await service.ask(lamp)).body).toMatchObject({ outcome: "answered" });
  expect((await service.put("dunes", "Nobody walks in the dunes", true, 2)).body.document?.state).toBe("searchable");
});

test("the second endpoint answers while the first is away", async () => {
  const [server, other] = [await started(), await started()];
  const { patience, ...options } = openAiFor(server);
  const hasty = { ...patience, attemptMs: 500, queryMs: 1_500, passageMs: 1_500 };
  const service = await house(server, { openai: { ...options, patience: hasty, second: openAiFor(other).endpoint } });
  await service.put("lamp", "The lamp of the lighthouse burns amber", true);
  await server.stop();
  expect((await service.ask(lamp)).body).toMatchObject({ outcome: "answered" });
  expect((await service.put("mast", "The mast of the ship is made of larch", true)).body.document?.state).toBe(
    "searchable",
  );
});
