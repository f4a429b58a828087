import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CommandError, printable, type Terminal, UsageError } from "./terminal.ts";

/** Where a service is reached that was started with its defaults. */
export const defaultBaseUrl = "http://127.0.0.1:8080";

/** Settings of a client. */
export interface HttpClientOptions {
  /** Without a trailing slash it works as well. */
  readonly baseUrl: string;
  readonly token: string;
  /** Longest time that one attempt may take, its body included, ms. */
  readonly timeoutMs?: number;
  /** How often a request is sent again after 429, 503 or a broken connection; 0 = never. */
  readonly retries?: number;
  /** Longest time to wait before one retry, ms: a server that asks for more is given up. */
  readonly maxRetryWaitMs?: number;
  /** Told before each wait for another try: how long, ms, and what the service said. */
  readonly onWait?: (waitMs: number, error: ServiceError) => void;
}

/** One request. `schema` says what the answer must look like; an answer of another shape is an error. */
export interface HttpRequest<T> {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Starts with a slash; use {@link path} to build one from parts. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Sent as If-Match. */
  readonly ifMatch?: number;
  /** The process whose route this is, where a 404 can only mean that another one was asked: `query` or `indexer`. */
  readonly servedBy?: "query" | "indexer";
  readonly schema: z.ZodType<T>;
}

/** A small client of the service. Connections are kept open between requests by the runtime. */
export interface HttpClient {
  readonly baseUrl: string;
  /** @throws ServiceError when the service refuses, cannot be reached, or answers with something else than promised. */
  request<T>(request: HttpRequest<T>): Promise<T>;
}

/** The service refused, could not be reached, or gave an answer that this client does not understand. */
export class ServiceError extends CommandError {
  override readonly name = "ServiceError";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The stable code of docs/errors.md, or `unreachable`, `timeout`, `unexpected-response`. */
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}

/** problem+json (RFC 9457) as the service sends it; a proxy in between may send less. */
const problemSchema = z.object({
  code: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  pointer: z.string().optional(),
});

/** Joins parts into a path, each percent-encoded as one segment. */
export function path(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}

/**
 * Address and token of the service: from the options, else from RETICENT_URL and RETICENT_TOKEN.
 * @throws UsageError without a token, or when the address is not an http(s) URL.
 */
export function connection(
  options: { readonly url?: string | undefined; readonly token?: string | undefined },
  env: Terminal["env"],
): { baseUrl: string; token: string } {
  const baseUrl = options.url ?? (env.RETICENT_URL || defaultBaseUrl);
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
    throw new UsageError(`"${baseUrl}" is not an http(s) address (--url or RETICENT_URL)`);
  }
  const token = (options.token ?? env.RETICENT_TOKEN ?? "").trim();
  if (token === "") {
    throw new UsageError("a token is needed: --token or RETICENT_TOKEN (`reticent token` makes one)");
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError("the token holds characters that no token has");
  return { baseUrl: baseUrl.replace(/\/+$/, ""), token };
}

/** Makes a client. Nothing is sent before the first request. */
export function httpClient(options: HttpClientOptions): HttpClient {
  const { timeoutMs = 30_000, retries = 5, maxRetryWaitMs = 60_000 } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, "");

  async function attempt<T>(request: HttpRequest<T>): Promise<T | RetryAfter> {
    const url = new URL(`${baseUrl}${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const response = await fetch(url, {
      method: request.method,
      headers: {
        authorization: `Bearer ${options.token}`,
        accept: "application/json, application/problem+json",
        ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        ...(request.ifMatch === undefined ? {} : { "if-match": `"${request.ifMatch}"` }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      // A redirect would carry the token to a place that nobody named.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.ok) return parseAnswer(request, response.status, text);
    const error = problemOf(request, response.status, text);
    if (response.status !== 429 && response.status !== 503) throw error;
    return new RetryAfter(error, retryAfterMs(response.headers.get("retry-after")));
  }

  return {
    baseUrl,
    async request(request) {
      for (let tries = 0; ; tries += 1) {
        const result = await attempt(request).catch((error: unknown) => connectionFailure(error, baseUrl, timeoutMs));
        if (!(result instanceof RetryAfter)) return result;
        const waitMs = result.waitMs ?? Math.min(250 * 2 ** tries, 5_000);
        if (tries >= retries || waitMs > maxRetryWaitMs) throw result.error;
        options.onWait?.(waitMs, result.error);
        await sleep(waitMs);
      }
    },
  };
}

/** The request may be sent again, after `waitMs` (`undefined`: the server named no time); `error` is thrown when it is not. */
class RetryAfter {
  readonly error: ServiceError;
  readonly waitMs: number | undefined;

  constructor(error: ServiceError, waitMs?: number) {
    this.error = error;
    this.waitMs = waitMs;
  }
}

/** Retry-After (RFC 9110, section 10.2.3): seconds or a date; as ms from now. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function parseAnswer<T>(request: HttpRequest<T>, status: number, text: string): T {
  const unexpected = (why: string) =>
    new ServiceError(status, "unexpected-response", `${request.method} ${request.path}: unexpected answer (${why})`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unexpected("not JSON; is this address really a Reticent service?");
  }
  const parsed = request.schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unexpected(issue === undefined ? "wrong shape" : `${issue.path.join(".")}: ${issue.message}`);
}

function problemOf<T>(request: HttpRequest<T>, status: number, text: string): ServiceError {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = {};
  }
  const problem = problemSchema.safeParse(json).data ?? {};
  const code = problem.code ?? "unexpected-response";
  if (status === 404 && request.servedBy !== undefined) {
    const hint = `no ${request.servedBy} process answers at this address; is it another one's (--url or RETICENT_URL)?`;
    return new ServiceError(status, code, printable(`${hint} (${status} ${code})`));
  }
  const what = problem.detail ?? problem.title ?? `${request.method} ${request.path} was refused`;
  const where = problem.pointer === undefined ? "" : ` at ${problem.pointer}`;
  return new ServiceError(status, code, printable(`${what}${where} (${status} ${code})`));
}

/** A connection that broke may be tried again; every request of this API can be repeated without harm. */
function connectionFailure(error: unknown, baseUrl: string, timeoutMs: number): RetryAfter {
  if (error instanceof ServiceError) throw error;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    throw new ServiceError(0, "timeout", `no answer from ${baseUrl} within ${timeoutMs / 1_000} s`, { cause: error });
  }
  const code = causeCode(error);
  const failure = new ServiceError(0, "unreachable", `cannot reach ${baseUrl} (${code}); is the service running?`, {
    cause: error,
  });
  if (code !== "ECONNRESET" && code !== "UND_ERR_SOCKET") throw failure;
  return new RetryAfter(failure);
}

function causeCode(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) {
    return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  }
  return error instanceof Error ? error.message : String(error);
}
