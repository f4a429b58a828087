import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { parseExposition, type ReadMetric } from "#services/metrics/testing/parse.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { until } from "#test/kit/until.ts";

// What an operator reads of a running process, on a port of its own.

async function house(overrides: Partial<ServiceConfig> = { metrics: { host: "127.0.0.1", port: 0 } }) {
  const dataDir = mkdtempSync(join(tmpdir(), "reticent-metrics-"));
  const folder = policyFolder({ ...testPolicy, "tests/none.yaml": "tests: []\n" });
  const where = { embedder: "hashed", port: 0, dataDir, policyDir: folder.dir, logLevel: "silent" } as const;
  const service = await startService(defaultConfig({ ...where, sweepMs: 100, policyPollMs: 50, ...overrides }));
  onTestFinished(async () => {
    await service.close();
    folder.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const call = async (user: string, group: string, method: string, path: string, body?: unknown): Promise<number> => {
    const claims = { tenant: "one", user, groups: [group], agents: [], ttlS: 600, audience: "reticent" };
    const headers = {
      authorization: `Bearer ${await signToken({ dataDir, ...claims })}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`${service.url}${path}`, init);
    await response.text();
    return response.status;
  };
  const text = async (): Promise<string> => {
    const response = await fetch(service.metricsUrl ?? "");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    return response.text();
  };
  const read = async (): Promise<ReadonlyMap<string, ReadMetric>> => parseExposition(await text());
  const value = async (name: string, labels = ""): Promise<number | undefined> =>
    (await read()).get(name)?.series.get(`${name}${labels}`);
  return { service, call, text, read, value, policyDir: folder.dir };
}

const document = {
  version: 1,
  title: "The secret heading",
  content_type: "text/plain",
  body: "The lamp of the lighthouse burns amber",
  acl: [{ access_type: "grant", type: "everyone" }],
};

test("requests, outcomes, refusals and revokes are counted, without a tenant, a principal, a document or a word", async () => {
  const { call, text, read, value } = await house();
  const path = "/v1/documents/open/lamp-page";
  expect(await call("wendy", "writers", "PUT", `${path}?wait=true`, document)).toBe(200);
  expect(await call("gwen", "guests", "POST", "/v1/retrieve", { query: "the lamp of the lighthouse" })).toBe(200);
  expect(await call("gwen", "guests", "POST", "/v1/retrieve", { query: "zebra xylophone" })).toBe(200);
  expect(await call("gwen", "guests", "POST", "/v1/retrieve", {})).toBe(400);
  expect(await call("gwen", "guests", "GET", "/some/private/path")).toBe(404);
  expect(await call("gwen", "guests", "DELETE", path)).toBe(403);
  expect(await call("wendy", "writers", "PUT", `${path}/acl`, { acl: [], labels: [] })).toBe(200);
  const counted = (labels: string) => value("reticent_requests_total", labels);
  expect(await counted('{method="POST",route="/v1/retrieve",status="200"}')).toBe(2);
  expect(await counted('{method="POST",route="/v1/retrieve",status="400"}')).toBe(1);
  expect(await counted('{method="GET",route="none",status="404"}')).toBe(1);
  expect(await value("reticent_retrieves_total", '{outcome="answered",reason="none"}')).toBe(1);
  expect(await value("reticent_problems_total", '{code="invalid-request"}')).toBeGreaterThanOrEqual(1);
  expect(await value("reticent_problems_total", '{code="not-found"}')).toBe(1);
  expect(await value("reticent_problems_total", '{code="forbidden"}')).toBe(1);
  expect(await value("reticent_revokes_total", '{kind="access"}')).toBe(1);
  const metrics = await read();
  const seconds = metrics.get("reticent_request_seconds");
  expect(seconds?.series.get('reticent_request_seconds_count{route="/v1/retrieve"}')).toBe(3);
  expect(metrics.get("reticent_ready")?.series.get("reticent_ready")).toBe(1);
  expect(metrics.get("reticent_documents_lagging")?.series.get("reticent_documents_lagging")).toBe(0);
  expect(metrics.get("reticent_queue_jobs")?.series.size).toBe(1);
  expect(metrics.get("reticent_traces_lost_total")?.series.get("reticent_traces_lost_total")).toBe(0);
  const written = await text();
  for (const word of ["wendy", "gwen", "guests", "lamp", "zebra", "secret", "private", '"one"', "open/"]) {
    expect(written).not.toContain(word);
  }
  // How a process is asked whether it is well is no work of its.
  expect(written).not.toContain('route="/readyz"');
});

test("a rejected policy edit rises from the first moment, and falls when it is mended", async () => {
  const { policyDir, value } = await house();
  expect(await value("reticent_policy_rejected_seconds")).toBe(0);
  const file = join(policyDir, "labels.yaml");
  writeFileSync(file, "labels: [");
  await until(async () => ((await value("reticent_policy_rejected_seconds")) ?? 0) > 0);
  expect(await value("reticent_readiness_code", '{code="policy-edit-rejected"}')).toBe(1);
  writeFileSync(file, testPolicy["labels.yaml"] ?? "");
  await until(async () => (await value("reticent_policy_rejected_seconds")) === 0);
});

test("metrics are off by default, and never on the port that answers callers", async () => {
  const { service } = await house({});
  expect(service.metricsUrl).toBeUndefined();
  expect((await fetch(`${service.url}/metrics`)).status).toBe(404);
  const on = await house();
  expect((await fetch(`${on.service.url}/metrics`)).status).toBe(404);
  const other = new URL("/v1/status", on.service.metricsUrl);
  expect((await fetch(other)).status).toBe(404);
  expect((await fetch(on.service.metricsUrl ?? "", { method: "POST" })).status).toBe(404);
});

test("a port for metrics that cannot be had stops the start", async () => {
  const { service } = await house();
  const port = Number(new URL(service.metricsUrl ?? "").port);
  await expect(house({ metrics: { host: "127.0.0.1", port } })).rejects.toThrow("EADDRINUSE");
});
