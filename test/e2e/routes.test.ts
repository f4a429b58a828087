import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { serverFor } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import { type RunningService, serve } from "#services/process/serve.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("the routes", ["embedded", "full"]);

describe.for(stacks)("$name", (stack) => {
  const routes: { method: string; url: string; isPublic: boolean }[] = [];
  let service: RunningService;
  const place = stack.place();
  let dataDir: string;
  let folder: ReturnType<typeof policyFolder>;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "routes-"));
    folder = policyFolder();
    const config = defaultConfig({
      ...stack.settings(place),
      embedder: "hashed",
      port: 0,
      dataDir,
      policyDir: folder.dir,
      logLevel: "silent",
    });
    const app = serverFor(config);
    app.addHook("onRoute", ({ method, url, config: route }) => {
      for (const one of [method].flat()) routes.push({ method: one, url, isPublic: route?.public === true });
    });
    service = await serve(await openPorts(config, () => {}), config, app);
  });
  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    folder.remove();
    await rm(dataDir, { recursive: true });
  });

  test("the routes that answer without a token are exactly these", () => {
    const open = routes.filter(({ isPublic }) => isPublic).map(({ method, url }) => `${method} ${url}`);
    expect(open.toSorted()).toEqual(["GET /healthz", "GET /readyz", "HEAD /healthz", "HEAD /readyz"]);
  });

  test("every other route refuses without a token, before it looks at anything else", async () => {
    const closed = routes.filter(({ isPublic }) => !isPublic);
    expect(closed.length).toBeGreaterThanOrEqual(12);
    for (const { method, url } of closed) {
      const path = url.replaceAll(/:\w+/g, "x");
      const response = await fetch(`${service.url}${path}`, { method });
      expect([method, path, response.status]).toEqual([method, path, 401]);
    }
  });

  test("every route that takes a token refuses who is asking in a query string or a body", async () => {
    const groups = ["staff", "writers", "explainers"];
    const token = await signToken({
      dataDir,
      tenant: "one",
      user: "u",
      groups,
      agents: [],
      ttlS: 60,
      audience: "reticent",
    });
    const asked = routes.filter(({ isPublic, method }) => !isPublic && method !== "HEAD");
    for (const { method, url } of asked) {
      const path = url.replace(":source", "open").replace(":id", url.includes("principals") ? "user:x" : "x");
      const authorization = `Bearer ${token}`;
      const send = async (query: string, body: string | null) => {
        const headers = { authorization, ...(body === null ? {} : { "content-type": "application/json" }) };
        const response = await fetch(`${service.url}${path}${query}`, { method, headers, body });
        const answer: unknown = await response.json();
        return answer;
      };
      const inQuery = await send("?tenant=two", method === "GET" || method === "DELETE" ? null : "{}");
      expect([method, path, inQuery]).toMatchObject([
        method,
        path,
        { code: "identity-in-request", pointer: "?tenant" },
      ]);
      if (method === "GET" || method === "DELETE") continue;
      const inBody = await send("", '{"principal":"user:admin"}');
      expect([method, path, inBody]).toMatchObject([
        method,
        path,
        { code: "identity-in-request", pointer: "/principal" },
      ]);
    }
  });

  test("a question of 2 MB is refused by size", async () => {
    const token = await signToken({
      dataDir,
      tenant: "one",
      user: "u",
      groups: ["staff"],
      agents: [],
      ttlS: 60,
      audience: "reticent",
    });
    const ask = async (query: string) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const body = JSON.stringify({ query });
      const response = await fetch(`${service.url}/v1/retrieve`, { method: "POST", headers, body });
      const answer: unknown = await response.json();
      return answer;
    };
    expect(await ask("x".repeat(2 * 1024 * 1024))).toMatchObject({ status: 413, code: "body-too-large" });
    expect(await ask("x".repeat(2_001))).toMatchObject({
      status: 422,
      code: "limit-exceeded",
      limit: { name: "query", max: 2_000 },
    });
  });
});
