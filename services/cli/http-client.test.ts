import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { connection, httpClient, path, ServiceError } from "./http-client.ts";
import { UsageError } from "./terminal.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A real server that answers each request with the next of the answers, the last one again and again. */
async function serverOf(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      const answer = answers[Math.min(seen.length, answers.length - 1)];
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      answer?.(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  return (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
};
const schema = z.object({ ok: z.boolean() });

async function failureOf(promise: Promise<unknown>): Promise<ServiceError> {
  const error = await promise.catch((reason: unknown) => reason);
  if (!(error instanceof ServiceError)) throw new Error("a ServiceError was expected", { cause: error });
  return error;
}

test("a route that only another process serves is told as that, any other 404 as what the service says", async () => {
  const { url } = await serverOf(json(404, { code: "not-found", title: "No such resource" }));
  const client = httpClient({ baseUrl: url, token: "abc" });
  const plain = { method: "POST", path: "/v1/retrieve", body: {}, schema } as const;
  expect((await failureOf(client.request(plain))).message).toBe("No such resource (404 not-found)");
  const error = await failureOf(client.request({ ...plain, servedBy: "query" }));
  expect(error).toMatchObject({ status: 404, code: "not-found" });
  expect(error.message).toMatch(/^no query process answers at this address; .*RETICENT_URL/);
});

test("token, condition, query and body arrive as promised", async () => {
  const { url, seen } = await serverOf(json(200, { ok: true }));
  const client = httpClient({ baseUrl: `${url}/`, token: "abc" });
  const answer = await client.request({
    method: "PUT",
    path: path("v1", "documents", "wiki", "a/b #1.md"),
    query: { wait: "true", cursor: undefined },
    body: { version: 1 },
    ifMatch: 7,
    schema,
  });
  expect(answer).toEqual({ ok: true });
  const [request] = seen;
  expect(request?.url).toBe("/v1/documents/wiki/a%2Fb%20%231.md?wait=true");
  expect(request?.headers).toMatchObject({ authorization: "Bearer abc", "if-match": '"7"' });
  expect(request?.body).toBe('{"version":1}');
});

test("problem+json becomes an error with its code, status and one sentence", async () => {
  const { url } = await serverOf(
    json(422, { code: "unknown-label", title: "T", detail: "not declared: x", pointer: "/labels/0" }),
  );
  const error = await failureOf(httpClient({ baseUrl: url, token: "t" }).request({ method: "GET", path: "/", schema }));
  expect(error).toMatchObject({ status: 422, code: "unknown-label" });
  expect(error.message).toBe("not declared: x at /labels/0 (422 unknown-label)");
});

test("429 and 503 are tried again after Retry-After, and then succeed", async () => {
  const { url, seen } = await serverOf(
    json(429, { code: "rate-limited" }, { "retry-after": "0" }),
    json(503, { code: "index-unavailable" }, { "retry-after": "0" }),
    json(200, { ok: true }),
  );
  const client = httpClient({ baseUrl: url, token: "t" });
  expect(await client.request({ method: "GET", path: "/", schema })).toEqual({ ok: true });
  expect(seen).toHaveLength(3);
});

test("trying again is bounded in number and in time", async () => {
  const often = await serverOf(json(503, { code: "shutting-down" }, { "retry-after": "0" }));
  const error = await failureOf(
    httpClient({ baseUrl: often.url, token: "t", retries: 2 }).request({ method: "GET", path: "/", schema }),
  );
  expect(error.code).toBe("shutting-down");
  expect(often.seen).toHaveLength(3);
  const late = await serverOf(json(429, { code: "rate-limited" }, { "retry-after": "3600" }));
  await failureOf(httpClient({ baseUrl: late.url, token: "t" }).request({ method: "GET", path: "/", schema }));
  expect(late.seen).toHaveLength(1);
});

test("a refusal is not tried again", async () => {
  const { url, seen } = await serverOf(json(403, { code: "forbidden" }));
  await failureOf(httpClient({ baseUrl: url, token: "t" }).request({ method: "GET", path: "/", schema }));
  expect(seen).toHaveLength(1);
});

test("a connection that breaks is tried again", async () => {
  const { url, seen } = await serverOf((request) => request.socket.destroy(), json(200, { ok: true }));
  expect(await httpClient({ baseUrl: url, token: "t" }).request({ method: "GET", path: "/", schema })).toEqual({
    ok: true,
  });
  expect(seen).toHaveLength(2);
});

test("the token does not follow a redirect", async () => {
  const other = await serverOf(json(200, { ok: true }));
  const { url } = await serverOf((_request, response) => response.writeHead(307, { location: other.url }).end());
  await failureOf(httpClient({ baseUrl: url, token: "t", retries: 0 }).request({ method: "GET", path: "/", schema }));
  expect(other.seen).toHaveLength(0);
});

test("an answer that is not JSON, or of another shape, is an error that says so", async () => {
  const page = await serverOf((_request, response) => response.end("<html>"));
  const client = (url: string) => httpClient({ baseUrl: url, token: "t" });
  const first = await failureOf(client(page.url).request({ method: "GET", path: "/x", schema }));
  expect(first.code).toBe("unexpected-response");
  expect(first.message).toContain("not JSON");
  const shape = await serverOf(json(200, { ok: "yes" }));
  expect((await failureOf(client(shape.url).request({ method: "GET", path: "/x", schema }))).message).toContain("ok");
});

test("a server that never answers ends in a timeout", async () => {
  const { url } = await serverOf(() => {});
  const error = await failureOf(
    httpClient({ baseUrl: url, token: "t", timeoutMs: 50 }).request({ method: "GET", path: "/", schema }),
  );
  expect(error.code).toBe("timeout");
});

test("a service that is not there is named, with a hint", async () => {
  const { url } = await serverOf(json(200, {}));
  for (const close of closers.splice(0)) await close();
  const error = await failureOf(httpClient({ baseUrl: url, token: "t" }).request({ method: "GET", path: "/", schema }));
  expect(error.code).toBe("unreachable");
  expect(error.message).toContain("is the service running?");
});

test("connections are kept open between requests", async () => {
  const ports = new Set<number | undefined>();
  const { url } = await serverOf((request, response) => {
    ports.add(request.socket.remotePort);
    json(200, { ok: true })(request, response);
  });
  const client = httpClient({ baseUrl: url, token: "t" });
  for (let i = 0; i < 10; i += 1) await client.request({ method: "GET", path: "/", schema });
  // A second connection may be opened before the first is known to be free.
  expect(ports.size).toBeLessThanOrEqual(2);
});

test("address and token come from the options, else from the environment, and are checked", () => {
  expect(connection({}, { RETICENT_TOKEN: "t" })).toEqual({ baseUrl: "http://127.0.0.1:8080", token: "t" });
  const env = { RETICENT_URL: "http://elsewhere:1/", RETICENT_TOKEN: "env" };
  expect(connection({ token: "own" }, env)).toEqual({ baseUrl: "http://elsewhere:1", token: "own" });
  expect(() => connection({}, {})).toThrow(UsageError);
  expect(() => connection({ url: "file:///x", token: "t" }, {})).toThrow(UsageError);
  expect(() => connection({ token: "a b" }, {})).toThrow(UsageError);
});
