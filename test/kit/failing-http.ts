import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What an HTTP server does instead of answering as it should, by name. */
export const httpFaults = {
  "refuses connections": "refused",
  hangs: "hang",
  "stops in the middle of an answer": "truncated",
  "answers with an error status": "error",
  "says that it is overloaded": "overloaded",
  "answers garbage": "garbage",
  "answers another shape": "wrong-shape",
  "answers with an empty body": "empty-body",
  "answers with an empty object": "empty-object",
  "answers with no result": "null-result",
  "answers with an empty result": "empty-result",
  "answers with an error in a success": "error-in-success",
} as const;

/** A fault, or what a proxy does to a right answer's JSON; `null` = everything passes; `slow` = right, after a while. */
export type HttpFault = (typeof httpFaults)[keyof typeof httpFaults] | "slow" | ((body: unknown) => unknown) | null;

/** An HTTP server between a client and another one, whose misbehaviour a test decides. */
export interface FailingHttp {
  readonly url: string;
  begin(fault: HttpFault): Promise<void>;
  /** Everything passes again; what hangs is cut. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** How much later a slow answer comes, ms. */
const lateMs = 40;

/** Starts one before a base URL. */
export async function failingHttp(target: string): Promise<FailingHttp> {
  const sockets = new Set<Socket>();
  let fault: HttpFault = null;
  const server = createServer((incoming, reply) => {
    answer(target, fault, incoming, reply).catch(() => reply.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const stop = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    if (server.listening) await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async begin(next) {
      fault = next;
      if (next === "refused") await stop();
    },
    async end() {
      fault = null;
      for (const socket of sockets) socket.destroy();
      if (!server.listening) await listen(port);
    },
    close: stop,
  };
}

async function answer(target: string, fault: HttpFault, incoming: IncomingMessage, reply: ServerResponse) {
  const send = (status: number, text: string, type = "application/json") =>
    reply.writeHead(status, { "content-type": type }).end(text);
  switch (fault) {
    case "refused":
      return reply.destroy();
    case "hang":
      return incoming.resume();
    case "error":
      return send(500, '{"status":{"error":"Service internal error"},"time":0}');
    case "overloaded":
      return send(503, '{"status":{"error":"overloaded"},"time":0}');
    case "garbage":
      return send(200, "<html><body>It works!</body></html>", "text/html");
    case "wrong-shape":
      return send(200, '{"result":{"unexpected":[1,2,3]},"status":"ok","time":0}');
    case "empty-body":
      return send(200, "");
    case "empty-object":
      return send(200, "{}");
    case "null-result":
      return send(200, '{"result":null,"status":"ok","time":0}');
    case "error-in-success":
      return send(200, '{"result":[],"status":{"error":"not well"},"time":0}');
    default:
      break;
  }
  if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, lateMs));
  const { status, text } = await passedOn(target, incoming);
  if (fault === "truncated") {
    reply.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    reply.write(text.slice(0, text.length / 2), () => reply.destroy());
    return;
  }
  if (fault === "empty-result") return send(status, JSON.stringify(emptied(JSON.parse(text))));
  if (typeof fault === "function") return send(status, JSON.stringify(fault(JSON.parse(text))));
  return send(status, text);
}

/** The same answer with nothing in it: no points, no batches, no fields. */
function emptied(body: unknown): unknown {
  const { result, ...rest } = body as { result: unknown };
  return { ...rest, result: Array.isArray(result) ? [] : {} };
}

async function passedOn(target: string, incoming: IncomingMessage): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { host: _host, ...headers } = incoming.headers;
  const asking = forward(`${target}${incoming.url ?? ""}`, { method: incoming.method, headers }, resolve);
  asking.on("error", reject);
  incoming.pipe(asking);
  const answered = await promise;
  const parts: Buffer[] = [];
  for await (const part of answered) parts.push(part as Buffer);
  return { status: answered.statusCode ?? 502, text: Buffer.concat(parts).toString() };
}
