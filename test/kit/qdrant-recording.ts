import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isDeepStrictEqual } from "node:util";

/** One request with the real server's answer. */
export interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
  readonly answer: { readonly status: number; readonly body: unknown };
}

/** An exchange with its begin and end, ms since the epoch. */
export interface TimedExchange extends Exchange {
  readonly from: number;
  readonly to: number;
}

/** A server on loopback that stands between the index and Qdrant, or in its place. */
export interface Stand<T extends Exchange = Exchange> {
  readonly url: string;
  readonly exchanges: readonly T[];
  close(): Promise<void>;
}

/** Passes everything on to a real server and keeps it. */
export async function recordingProxy(target: string): Promise<Stand<TimedExchange>> {
  const exchanges: TimedExchange[] = [];
  const now = () => performance.timeOrigin + performance.now();
  return stand(exchanges, async (request, reply) => {
    const from = now();
    const answer = await fetch(`${target}${request.path}`, {
      method: request.method,
      headers: { "content-type": "application/json" },
      ...(request.body === null ? {} : { body: JSON.stringify(request.body) }),
    });
    const body: unknown = await answer.json();
    exchanges.push({ request, answer: { status: answer.status, body: withoutTimes(body) }, from, to: now() });
    send(reply, answer.status, body);
  });
}

/**
 * Answers as was recorded, and only what was recorded: each request once, requests that were sent at the same time in any order. Anything else is a
 * 400 that says so.
 */
export async function replay(exchanges: readonly Exchange[]): Promise<Stand> {
  const left = exchanges.map((exchange) => ({ exchange, text: JSON.stringify(exchange.request) }));
  return stand(
    exchanges,
    async (request, reply) => {
      // The order of an object's members says nothing.
      const at = left.findIndex(({ exchange }) => isDeepStrictEqual(exchange.request, request));
      const [found] = at < 0 ? [] : left.splice(at, 1);
      if (found === undefined)
        send(reply, 400, { status: { error: `not recorded: ${JSON.stringify(request).slice(0, 2_000)}` } });
      else send(reply, found.exchange.answer.status, found.exchange.answer.body);
    },
    () => {
      if (left.length > 0)
        throw new Error(`recorded, and not asked any more: ${left.map(({ text }) => text).join("\n")}`);
    },
  );
}

type Handler = (request: Exchange["request"], reply: ServerResponse) => Promise<void>;

async function stand<T extends Exchange>(
  exchanges: readonly T[],
  handle: Handler,
  atEnd = () => {},
): Promise<Stand<T>> {
  const server = createServer((incoming, reply) => {
    bodyOf(incoming)
      .then((body) => handle({ method: incoming.method ?? "", path: withoutTimeout(incoming.url ?? ""), body }, reply))
      .catch((error: unknown) => send(reply, 500, { status: { error: String(error) } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    exchanges,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      atEnd();
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const parts: Uint8Array[] = [];
  for await (const part of incoming) if (part instanceof Uint8Array) parts.push(part);
  const text = Buffer.concat(parts).toString();
  return text === "" ? null : JSON.parse(text);
}

function send(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { "content-type": "application/json" });
  reply.end(JSON.stringify(body));
}

/** How long the server may take is a setting of whoever asks, and no part of the question. */
function withoutTimeout(path: string): string {
  const url = new URL(path, "http://localhost");
  url.searchParams.delete("timeout");
  return `${url.pathname}${url.search}`;
}

/** Without what is another at every run. */
function withoutTimes(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (name, value: unknown) => (name === "time" || name === "usage" ? undefined : value)),
  );
}
