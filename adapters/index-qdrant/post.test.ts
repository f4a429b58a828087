import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Post } from "./post.ts";

let server: Server;
let answer: (reply: ServerResponse, number: number) => void;
const asked: { readonly path: string; readonly key: unknown; readonly body: string; readonly port: number }[] = [];

beforeEach(async () => {
  asked.length = 0;
  answer = (reply) => void reply.end('{"result":"größer"}');
  server = createServer(async (request, reply) => {
    let body = "";
    for await (const part of request) body += String(part);
    asked.push({
      path: request.url ?? "",
      key: request.headers["api-key"],
      body,
      port: request.socket.remotePort ?? 0,
    });
    answer(reply, asked.length);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
});

const url = (path = "") => {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}${path}`;
};
const post = (path = "") => new Post({ url: url(path), headers: { "api-key": "secret" } });
const patience = () => AbortSignal.timeout(10_000);

test("a request carries its headers and body below the path of the server, on one connection after the other request", async () => {
  const below = post("/behind/a/proxy/");
  expect(await below.send("/collections/%C3%A4", { n: 1 }, patience())).toEqual({ result: "größer" });
  await below.send("/second", [], patience());
  expect(asked.map(({ path, key, body }) => ({ path, key, body }))).toEqual([
    { path: "/behind/a/proxy/collections/%C3%A4", key: "secret", body: '{"n":1}' },
    { path: "/behind/a/proxy/second", key: "secret", body: "[]" },
  ]);
  expect(new Set(asked.map(({ port }) => port)).size).toBe(1);
});

test("an old connection that the server closed is replaced once, and a new one is not tried again", async () => {
  const one = post();
  await one.send("/1", {}, patience());
  answer = (reply, number) => (number === 2 ? reply.destroy() : void reply.end('"again"'));
  expect(await one.send("/2", {}, patience())).toBe("again");
  expect(asked.map(({ path }) => path)).toEqual(["/1", "/2", "/2"]);
  answer = (reply) => void reply.destroy();
  await expect(post().send("/3", {}, patience())).rejects.toThrow("socket hang up");
  expect(asked).toHaveLength(4);
});

test("an error status, a body that is no JSON or ends early, and silence are errors", async () => {
  const one = post();
  answer = (reply) => void reply.writeHead(500).end("boom");
  await expect(one.send("/x", {}, patience())).rejects.toThrow("status 500: boom");
  answer = (reply) => void reply.writeHead(302, { location: "/elsewhere" }).end();
  await expect(one.send("/x", {}, patience())).rejects.toThrow("status 302");
  answer = (reply) => void reply.end("<html>");
  await expect(one.send("/x", {}, patience())).rejects.toThrow(SyntaxError);
  answer = (reply) => {
    reply.writeHead(200, { "content-length": "100" });
    reply.write('{"half":');
    setImmediate(() => reply.destroy());
  };
  await expect(one.send("/x", {}, patience())).rejects.toThrow("aborted");
  answer = () => {};
  await expect(one.send("/x", {}, AbortSignal.timeout(20))).rejects.toThrow("aborted");
});

test("an answer without an end is left when it is longer than any that could be meant", async () => {
  let isLeft: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    isLeft = resolve;
  });
  answer = (reply) => {
    reply.once("close", () => isLeft());
    const part = Buffer.alloc(64 * 1024, "x");
    const more = (): void => {
      while (!reply.destroyed && reply.write(part));
    };
    reply.on("drain", more);
    more();
  };
  const bounded = new Post({ url: url(), headers: {}, mostBytes: 1024 * 1024 });
  await expect(bounded.send("/endless", {}, patience())).rejects.toThrow("longer than 1048576 bytes");
  await left;
});
