import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import type { Caller } from "#core/access/principal.ts";
import { AppError } from "#core/errors.ts";
import { authPlugin } from "./auth.ts";
import { rateLimitPlugin } from "./rate-limit.ts";
import { makeServer } from "./server.ts";

const opened: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

/** Tokens here are names: `alice`, or `alice+assistant` for an agent acting for her. The real verifier has tests of its own. */
const verifier = {
  async verify(token: string): Promise<Caller> {
    if (token === "wrong") throw new AppError("unauthenticated");
    const [tenantAndUser = "", ...agents] = token.split("+");
    const [user = "", tenant = "acme"] = tenantAndUser.split("@");
    return { tenant, user: `user:${user}`, groups: [], actors: agents.map((agent) => `agent:${agent}` as const) };
  },
};

async function server(perMinute = 1_000) {
  const disabled = new Set<string>();
  const app = makeServer({ logLevel: "silent", deadlineMs: 5_000 });
  opened.push(app);
  const ledger = {
    disabledAmong: async (tenant: string, principals: readonly string[]) =>
      principals.filter((principal) => disabled.has(`${tenant}/${principal}`)),
  };
  await app.register(authPlugin, { verifier, ledger });
  await app.register(rateLimitPlugin, { perMinute });
  app.get("/v1/me", async (request) => ({ user: request.caller.user }));
  app.post("/v1/me", async (request) => ({ user: request.caller.user }));
  app.get("/healthz", { config: { public: true } }, async () => ({ status: "ok" }));
  app.get("/mistake", { config: { public: true } }, async (request) => ({ user: request.caller.user }));
  const get = (url: string, token?: string) =>
    app.inject({ url, ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }) });
  return { app, get, disabled };
}

test("no route answers without a token unless it says that it is public", async () => {
  const { get } = await server();
  const answer = await get("/v1/me");
  expect(answer.json()).toMatchObject({ code: "unauthenticated", status: 401 });
  expect(answer.headers["www-authenticate"]).toBe('Bearer realm="reticent"');
  expect((await get("/v1/me", "alice")).json()).toEqual({ user: "user:alice" });
  expect((await get("/healthz")).statusCode).toBe(200);
});

test("a public route that reads who is asking refuses instead of guessing", async () => {
  const { get } = await server();
  expect((await get("/mistake")).json()).toMatchObject({ code: "unauthenticated" });
  expect((await get("/mistake", "alice")).json()).toMatchObject({ code: "unauthenticated" });
});

test("a path that does not exist is 404 with and without a token", async () => {
  const { get } = await server();
  for (const token of [undefined, "alice", "wrong"]) {
    const { request_id: _, ...answer } = (await get("/v1/nothing", token)).json();
    expect(answer).toEqual({ type: "/problems/not-found", title: "No such resource", status: 404, code: "not-found" });
  }
});

test("a token is taken from one Authorization header of the bearer scheme, and from nowhere else", async () => {
  const { app, get } = await server();
  for (const authorization of ["alice", "Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b"]) {
    const answer = await app.inject({ url: "/v1/me", headers: { authorization } });
    expect([authorization, answer.json()]).toMatchObject([authorization, { code: "unauthenticated" }]);
  }
  const wrong = await get("/v1/me", "wrong");
  expect(wrong.headers["www-authenticate"]).toContain('error="invalid_token"');
  expect((await app.inject("/v1/me?access_token=alice")).statusCode).toBe(401);
  expect((await get("/v1/me?user=bob", "alice")).json()).toMatchObject({
    code: "identity-in-request",
    pointer: "?user",
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const headers = new Headers([
    ["authorization", "Bearer alice"],
    ["authorization", "Bearer mallory"],
  ]);
  expect((await fetch(`${url}/v1/me`, { headers })).status).toBe(401);
});

test("a disabled user, and a disabled agent anywhere in the chain, is refused at once in its own tenant", async () => {
  const { get, disabled } = await server();
  expect((await get("/v1/me", "alice")).statusCode).toBe(200);
  disabled.add("acme/user:alice");
  expect((await get("/v1/me", "alice")).json()).toMatchObject({ code: "principal-disabled", status: 403 });
  expect((await get("/v1/me", "alice@beta")).statusCode).toBe(200);
  disabled.add("acme/agent:planner");
  expect((await get("/v1/me", "bob+assistant+planner")).json()).toMatchObject({ code: "principal-disabled" });
  expect((await get("/v1/me", "bob+assistant")).statusCode).toBe(200);
});

test("who is disabled while the body is on its way is refused", async () => {
  const { app, disabled } = await server();
  const url = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const headers = { authorization: "Bearer alice", "content-type": "application/json" };
  const answer = fetch(`${url}v1/me`, { method: "POST", headers, body: readable, duplex: "half" });
  await writer.write(new TextEncoder().encode("{"));
  disabled.add("acme/user:alice");
  await writer.write(new TextEncoder().encode("}"));
  await writer.close();
  expect((await answer).status).toBe(403);
});

test("over the rate is 429 with Retry-After, per tenant, user and agents", async () => {
  const { get } = await server(2);
  expect((await get("/v1/me", "alice")).statusCode).toBe(200);
  expect((await get("/v1/me", "alice")).statusCode).toBe(200);
  const answer = await get("/v1/me", "alice");
  expect(answer.json()).toMatchObject({
    type: "/problems/rate-limited",
    status: 429,
    code: "rate-limited",
    limit: { name: "requestsPerMinute", max: 2 },
  });
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  for (const other of ["alice@beta", "alice+assistant", "bob"]) {
    expect([other, (await get("/v1/me", other)).statusCode]).toEqual([other, 200]);
  }
});

test("routes without a token are not counted, and a refused token is not counted for anybody", async () => {
  const { get } = await server(1);
  for (let times = 0; times < 3; times++) expect((await get("/healthz")).statusCode).toBe(200);
  for (let times = 0; times < 3; times++) expect((await get("/v1/me", "wrong")).statusCode).toBe(401);
  expect((await get("/v1/me", "alice")).statusCode).toBe(200);
});
