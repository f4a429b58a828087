import { Agent, type IncomingMessage, request } from "node:http";

/** A request to a service. */
export interface Call {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came of a request. */
export type Reply =
  /** A whole answer. `code` is the one of a problem, empty for a success. */
  | { readonly kind: "answer"; readonly status: number; readonly code: string; readonly body: unknown }
  /** Nobody listens: the request was never sent. */
  | { readonly kind: "refused" }
  /** It was sent, and the connection ended, or nothing came in time: whether it was done is not known. */
  | { readonly kind: "cut"; readonly why: string };

/** Longest time without a whole answer, ms: far above the deadline of the services. */
const patienceMs = 30_000;

/** Sends requests to one process over connections that are kept. */
export class HttpClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(port: number) {
    this.#port = port;
  }

  async send({ method, path, token, body, headers }: Call): Promise<Reply> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const outgoing = request({
          host: "127.0.0.1",
          port: this.#port,
          agent: this.#agent,
          method,
          path,
          signal: AbortSignal.timeout(patienceMs),
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": payload.length }),
            ...headers,
          },
        });
        outgoing.once("response", resolve);
        outgoing.on("error", reject);
        outgoing.end(payload);
      });
      const parts: Buffer[] = [];
      for await (const part of answer) if (Buffer.isBuffer(part)) parts.push(part);
      const parsed: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
      const status = answer.statusCode ?? 0;
      return { kind: "answer", status, code: status >= 400 ? codeOf(parsed) : "", body: parsed };
    } catch (error) {
      const why = error instanceof Error ? `${codeIn(error)} ${error.message}` : String(error);
      return codeIn(error) === "ECONNREFUSED" ? { kind: "refused" } : { kind: "cut", why };
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

const codeIn = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

function codeOf(body: unknown): string {
  return typeof body === "object" && body !== null && "code" in body && typeof body.code === "string" ? body.code : "";
}
