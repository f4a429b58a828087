import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";

/** How the server answers. The first group is right, or right enough; the others are what goes wrong with such servers. */
export type Mode =
  | "floats"
  | "shuffled"
  | "scaled"
  | "printed"
  // What comes instead of an answer.
  | "rate-limited"
  | "error"
  | "key-in-error"
  | "unauthorised"
  | "redirect"
  | "hang"
  | "slow-drip"
  | "slow-error"
  | "reset"
  | "empty"
  | "html"
  | "truncated"
  | "endless"
  // Answers that are not what they should be.
  | "base64"
  | "wrong-index"
  | "same-index"
  | "no-index"
  | "too-few"
  | "too-many"
  | "null-component"
  | "nan"
  | "text-component"
  | "wrong-dimensions"
  | "zero"
  | "wrong-model"
  | "no-model"
  | "not-an-object"
  | "no-data";

/** A request as it came. */
export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: { readonly model?: string; readonly input: readonly string[] } & Readonly<Record<string, unknown>>;
}

/** An embeddings API of a test's own, over real sockets; it embeds with the hashed encoder. */
export interface EmbeddingsServer {
  /** What a client appends `/embeddings` to. */
  readonly baseUrl: string;
  mode: Mode;
  /** The mode of the next requests, one each, before {@link mode} holds again. */
  readonly next: Mode[];
  /** The model's name in answers. */
  model: string;
  /** Header `Retry-After` of refusals; `undefined` = none. */
  retryAfter: string | undefined;
  /** The longest text that it takes, bytes, and the most texts of a request; above that it answers 400 and 413. */
  longestText: number;
  mostTexts: number;
  /** Texts that hold one of these words are refused with 400. */
  readonly refused: Set<string>;
  /** Moves every component by so many places: another model. */
  turn: number;
  readonly requests: SeenRequest[];
  /** Stops listening and cuts every connection; {@link start} listens again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const hashed = hashedEmbedder();

/** Starts a server. Stop it when the test is over. */
export async function embeddingsServer(): Promise<EmbeddingsServer> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let port = 0;
  const http = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as SeenRequest["body"];
      server.requests.push({ path: request.url ?? "", headers: request.headers, body });
      await answer(server, server.next.shift() ?? server.mode, body, request, response, timers);
    })().catch(() => response.destroy());
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const server: EmbeddingsServer = {
    get baseUrl() {
      return `http://127.0.0.1:${port}/v1`;
    },
    mode: "floats",
    next: [],
    model: "hashed",
    retryAfter: undefined,
    longestText: Infinity,
    mostTexts: Infinity,
    refused: new Set(),
    turn: 0,
    requests: [],
    async stop() {
      for (const timer of timers) clearInterval(timer);
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      if (http.listening || sockets.size > 0) await closed;
    },
    async start() {
      await new Promise<void>((resolve, reject) => {
        http.once("error", reject);
        http.listen(port, "127.0.0.1", () => resolve());
      });
      port = (http.address() as AddressInfo).port;
    },
  };
  await server.start();
  return server;
}

async function answer(
  server: EmbeddingsServer,
  mode: Mode,
  body: SeenRequest["body"],
  request: IncomingMessage,
  response: ServerResponse,
  timers: Set<NodeJS.Timeout>,
): Promise<void> {
  const send = (status: number, text: string, type = "application/json", headers: Record<string, string> = {}) =>
    response.writeHead(status, { "content-type": type, ...headers }).end(text);
  const wait: Record<string, string> = server.retryAfter === undefined ? {} : { "retry-after": server.retryAfter };
  const drip = (status: number) => {
    response.writeHead(status, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 5);
    timers.add(timer);
    response.on("close", () => clearInterval(timer));
  };
  switch (mode) {
    case "rate-limited":
      return void send(429, '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', undefined, wait);
    case "error":
      return void send(500, '{"error":{"message":"something broke"}}', undefined, wait);
    case "key-in-error":
      return void send(
        500,
        JSON.stringify({
          error: {
            message: `bad ${JSON.stringify(request.headers)}`,
            code: request.headers.authorization,
            type: body.input[0],
          },
        }),
        undefined,
        { "x-request-id": String(request.headers.authorization) },
      );
    case "unauthorised":
      return void send(401, '{"error":{"message":"wrong key","code":"invalid_api_key"}}');
    case "redirect":
      return void send(307, "", undefined, { location: `${server.baseUrl}/elsewhere/embeddings` });
    case "hang":
      return;
    case "slow-drip":
      return drip(200);
    case "slow-error":
      return drip(500);
    case "reset":
      return void request.socket.resetAndDestroy();
    case "empty":
      return void send(200, "");
    case "html":
      return void send(200, "<html><body>Bad gateway</body></html>", "text/html");
    case "endless": {
      response.writeHead(200, { "content-type": "application/json" });
      const more = () => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
        if (!response.destroyed) response.once("drain", more);
      };
      return more();
    }
    default:
      break;
  }
  const { input } = body;
  const isRefused = (text: string) =>
    Buffer.byteLength(text) > server.longestText || [...server.refused].some((word) => text.includes(word));
  if (input.length > server.mostTexts) return void send(413, '{"error":"batch size","error_type":"Validation"}');
  if (input.some(isRefused)) return void send(400, '{"error":{"message":"maximum context length"}}');
  const text = JSON.stringify(
    shaped(mode, server, await vectorsOf(input, server.turn)),
    undefined,
    mode === "printed" ? 4 : 0,
  );
  if (mode === "truncated") return void send(200, text.slice(0, text.length / 2));
  // JSON has no such number, but Python writes one.
  send(200, mode === "nan" ? text.replace(/-?0\.\d+/, "NaN") : text);
}

async function vectorsOf(input: readonly string[], turn: number): Promise<number[][]> {
  // Prefixes of E5 are not read, so that a question and a passage meet.
  const texts = input.map((text) => text.replace(/^(query|passage): /, ""));
  return (await hashed.embed(texts, "passage")).map((vector) => [...vector.slice(turn), ...vector.slice(0, turn)]);
}

/** A right answer, or one that is wrong in one respect. */
function shaped(mode: Mode, server: EmbeddingsServer, vectors: readonly (readonly number[])[]): unknown {
  const components = (vector: readonly number[]): unknown => {
    if (mode === "scaled") return vector.map((value) => value * 12.5);
    if (mode === "base64") return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
    if (mode === "zero") return vector.map(() => 0);
    if (mode === "wrong-dimensions") return vector.slice(1);
    if (mode === "null-component") return [null, ...vector.slice(1)];
    if (mode === "text-component") return [String(vector[0]), ...vector.slice(1)];
    return vector;
  };
  const indexOf = (at: number): object => {
    if (mode === "no-index") return {};
    if (mode === "same-index") return { index: 0 };
    return { index: mode === "wrong-index" ? at + 1 : at };
  };
  const data = vectors.map((vector, at) => ({ object: "embedding", ...indexOf(at), embedding: components(vector) }));
  if (mode === "shuffled") data.reverse();
  if (mode === "too-few") data.pop();
  if (mode === "too-many") data.push(...data.slice(0, 1));
  if (mode === "not-an-object") return data;
  return {
    object: "list",
    ...(mode === "no-data" ? {} : { data }),
    ...(mode === "no-model" ? {} : { model: mode === "wrong-model" ? "another-model" : server.model }),
    usage: { prompt_tokens: 1, total_tokens: 1 },
  };
}
