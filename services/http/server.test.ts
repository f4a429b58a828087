import { once } from "node:events";
import { connect } from "node:net";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { signalOf } from "./deadline.ts";
import { makeServer, type ServerOptions } from "./server.ts";

const opened: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

/** A server with routes that do what a test needs. */
function server(options: Partial<ServerOptions> = {}): FastifyInstance {
  const app = makeServer({ logLevel: "silent", deadlineMs: 5_000, ...options });
  opened.push(app);
  app.get("/things/:id", async () => ({ ok: true }));
  app.put("/things/:id", async (request) => ({ body: request.body ?? null }));
  app.post("/small", { bodyLimit: 100 }, async () => ({ ok: true }));
  app.get("/fails", async () => {
    throw new Error("secret text of a hidden document");
  });
  app.get("/refuses", async () => {
    throw new AppError("limit-exceeded", { detail: "x: at most 5", limit: { name: "x", max: 5 }, pointer: "/x" });
  });
  return app;
}

const json = { "content-type": "application/json" };
const problem = (code: string, status: number, rest: object = {}) => ({
  type: `/problems/${code}`,
  title: expect.any(String),
  status,
  code,
  request_id: expect.stringMatching(/^req_[0-9a-f]{24}$/),
  ...rest,
});

test("an AppError becomes problem+json with its limit and pointer", async () => {
  const answer = await server().inject("/refuses");
  expect(answer.statusCode).toBe(422);
  expect(answer.headers).toMatchObject({
    "content-type": "application/problem+json; charset=utf-8",
    "cache-control": "no-store",
  });
  expect(answer.json()).toEqual(
    problem("limit-exceeded", 422, { detail: "x: at most 5", limit: { name: "x", max: 5 }, pointer: "/x" }),
  );
});

test("what is not foreseen is internal: the cause is in the log and nowhere else", async () => {
  const lines: string[] = [];
  const app = server({ logLevel: "info", logStream: { write: (line) => void lines.push(line) } });
  const answer = await app.inject("/fails");
  expect(answer.json()).toEqual(problem("internal", 500));
  expect(answer.body).not.toContain("secret");
  const logged = lines.find((line) => line.includes("secret text"));
  expect(logged).toContain(answer.json().request_id);
});

test("the framework's own refusals have codes of the catalogue", async () => {
  const app = server();
  const put = (payload: string | Buffer, headers: Record<string, string> = json) =>
    app.inject({ method: "PUT", url: "/things/1", payload, headers });
  expect((await put("{")).json()).toEqual(problem("malformed-request", 400, { detail: "the body is not JSON" }));
  expect((await put("")).json()).toMatchObject({ code: "malformed-request" });
  expect((await put("x", { "content-type": "text/plain" })).json()).toMatchObject({ code: "unsupported-media-type" });
  expect((await put("x", {})).json()).toMatchObject({ code: "unsupported-media-type" });
  expect((await put("x", { "content-type": "///" })).json()).toMatchObject({ code: "unsupported-media-type" });
  const latin1 = Buffer.from([0x22, 0xe9, 0x22]);
  expect((await put(latin1)).json()).toMatchObject({ code: "malformed-request", detail: "the body is not UTF-8" });
  const large = await app.inject({
    method: "POST",
    url: "/small",
    payload: JSON.stringify("x".repeat(200)),
    headers: json,
  });
  expect(large.json()).toMatchObject({
    code: "body-too-large",
    status: 413,
    limit: { name: "requestBytes", max: 100 },
  });
  expect((await app.inject("/nothing/here")).json()).toEqual(problem("not-found", 404));
  expect((await app.inject("/things/%zz")).json()).toMatchObject({ code: "malformed-request" });
  expect((await app.inject("/things/%ff")).json()).toMatchObject({ code: "malformed-request" });
});

test("members that would change what other objects are do not get in", async () => {
  const app = server();
  for (const payload of [
    '{"__proto__": {"admin": true}}',
    '{"a": [{"__proto__": 1}]}',
    '{"constructor": {"prototype": {"admin": true}}}',
    '{"\\u005f_proto__": {}}',
  ]) {
    const answer = await app.inject({ method: "PUT", url: "/things/1", payload, headers: json });
    expect([payload, answer.json()]).toMatchObject([payload, { code: "malformed-request" }]);
  }
});

test("another method on a path that exists is 405 with Allow; HEAD is answered like GET", async () => {
  const app = server();
  const answer = await app.inject({ method: "POST", url: "/things/1", payload: "{}", headers: json });
  expect(answer.json()).toEqual(problem("method-not-allowed", 405));
  expect(answer.headers.allow).toBe("GET, HEAD, PUT");
  expect((await app.inject({ method: "OPTIONS", url: "/things/1" })).statusCode).toBe(405);
  expect((await app.inject({ method: "HEAD", url: "/things/1" })).statusCode).toBe(200);
  expect((await app.inject({ method: "POST", url: "/things/1/more" })).statusCode).toBe(404);
});

test("a handler that takes longer than its deadline is answered for", async () => {
  const app = server({ deadlineMs: 20 });
  app.get("/slow", () => new Promise<never>(() => {}));
  const answer = await app.inject("/slow");
  expect(answer.json()).toEqual(problem("deadline-exceeded", 503));
  expect(answer.headers["retry-after"]).toBe("1");
});

test("a handler of a request with a body has the same deadline, and what it says later goes nowhere", async () => {
  const lines: string[] = [];
  const app = server({ deadlineMs: 50, logLevel: "warn", logStream: { write: (line) => void lines.push(line) } });
  const late = Promise.withResolvers<object>();
  let signal: AbortSignal | undefined;
  app.post("/slow", (request) => {
    signal = signalOf(request);
    return late.promise;
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  // Over a real connection: there a request with a body ends before its handler begins.
  const answer = await fetch(`${url}/slow`, { method: "POST", headers: json, body: "{}" });
  expect(await answer.json()).toEqual(problem("deadline-exceeded", 503));
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(signal?.aborted).toBe(true);
  late.resolve({ text: "too late" });
  expect((await fetch(`${url}/things/1`)).status).toBe(200);
  expect(lines.filter((line) => line.includes("too late"))).toEqual([]);
});

test("the log holds no token, no query, no body and no path", async () => {
  const lines: string[] = [];
  const app = server({ logLevel: "trace", logStream: { write: (line) => void lines.push(line) } });
  await app.inject({
    method: "PUT",
    url: "/things/payroll-2026?q=question",
    headers: { ...json, authorization: "Bearer very.secret.token" },
    payload: JSON.stringify({ text: "the salary is" }),
  });
  await app.inject({ method: "PUT", url: "/things/payroll-2026", headers: json, payload: '{"text": "the salary is' });
  await app.inject({
    method: "GET",
    url: "/payroll-2026?q=question",
    headers: { authorization: "Bearer very.secret.token" },
  });
  const log = lines.join("");
  expect(log).toContain("/things/:id");
  for (const word of ["secret", "question", "salary", "payroll"]) expect(log).not.toContain(word);
});

/** Sends bytes and gives everything that comes back until the server closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("what never becomes a request is answered with problem+json too", async () => {
  const app = server();
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const huge = await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100_000)}\r\n\r\n`);
  expect(huge).toMatch(/^HTTP\/1\.1 431 /);
  expect(huge).toContain('"code":"headers-too-large"');
  const garbage = await raw(port, "not http at all\r\n\r\n");
  expect(garbage).toMatch(/^HTTP\/1\.1 400 /);
  expect(garbage).toContain('"code":"malformed-request"');
  const fragment = await raw(port, "GET /things/a#b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(fragment).toContain('"code":"malformed-request"');
});

test("a shutdown finishes what is in flight and takes nothing new", async () => {
  const app = server();
  let finish = (): void => {};
  let began = (): void => {};
  const started = new Promise<void>((resolve) => {
    began = resolve;
  });
  app.get("/long", async () => {
    began();
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return { finished: true };
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const inFlight = fetch(`${url}/long`);
  await started;
  const closed = app.close();
  await expect
    .poll(() =>
      fetch(`${url}/things/1`).then(
        ({ status }) => status,
        () => "refused",
      ),
    )
    .toBe("refused");
  finish();
  expect(await (await inFlight).json()).toEqual({ finished: true });
  await closed;
});

test("a connection that never sends a whole request head does not hold a shutdown up", async () => {
  // A deadline that the test would not live to see: these connections must end at once.
  const app = server({ deadlineMs: 600_000 });
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const answered = "GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\n";
  const sockets = await Promise.all(
    ["", "GET /thi", "GET /things/1 HTTP/1.1\r\nHost: x\r\n", answered].map(async (sent) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      socket.write(sent);
      if (sent === answered) await once(socket, "data");
      return socket;
    }),
  );
  // The server has accepted all of them once it answers on a connection that came later.
  await fetch(`http://127.0.0.1:${port}/things/1`);
  const ended = Promise.all(sockets.map((socket) => once(socket, "close")));
  await app.close();
  expect(await ended).toHaveLength(4);
});

test("a request that is still being sent holds a shutdown up for the deadline, and no longer", async () => {
  const app = server({ deadlineMs: 300 });
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const head = Promise.withResolvers<void>();
  app.server.on("request", () => head.resolve());
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  socket.write("PUT /things/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  await head.promise;
  const ended = once(socket, "close");
  await app.close();
  await ended;
  expect(app.server.listening).toBe(false);
});
