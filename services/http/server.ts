import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from "fastify";
import { AppError, problems } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { followConnections } from "./connections.ts";
import { keepDeadline } from "./deadline.ts";
import { parseJson } from "./json.ts";
import { rememberRoutes } from "./methods.ts";
import { appErrorOf, pathSegmentChars, problemOf, problemType, retryAfterOf } from "./problem.ts";

/** Takes log lines, each one JSON object. */
export interface LogStream {
  write(line: string): void;
}

/** How a server answers, apart from its routes. */
export interface ServerOptions {
  readonly logLevel: "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";
  /** Where log lines go; absent = standard output. */
  readonly logStream?: LogStream;
  /** How long a handler may take before the answer is `deadline-exceeded`, and a shutdown waits for what is in flight, ms. */
  readonly deadlineMs: number;
  /** How long a client may take to send its request, ms. */
  readonly receiveTimeoutMs?: number;
  /** Largest request body of a route that names no limit of its own, bytes. */
  readonly bodyLimitBytes?: number;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Answers without a token. The list of such routes is closed, and a test knows it. */
    public?: boolean;
  }
}

/** How long after its deadline a request is ended that {@link keepDeadline} did not end, ms. */
const handlerGraceMs = 500;

/** Room for a token of the largest size, the longest path, and the usual headers. */
const headerBytes = 64 * 1024;

/**
 * A Fastify instance whose every answer that is not a success is problem+json with a stable code, also for requests that never reach a
 * route. Closing it takes no new requests and finishes the ones in flight, for at most the deadline: a connection without a request ends
 * at once, and one that is then still sending or receiving is cut.
 */
export function makeServer(options: ServerOptions): FastifyInstance {
  const app: FastifyInstance = Fastify({
    logger: {
      level: options.logLevel,
      ...(options.logStream === undefined ? {} : { stream: options.logStream }),
    },
    // Our own line per request (below): a path or query may hold an id, and a header holds the token.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `req_${randomBytes(12).toString("hex")}`,
    requestIdHeader: false,
    http: { maxHeaderSize: headerBytes },
    bodyLimit: options.bodyLimitBytes ?? limits.requestBytes,
    // For what `keepDeadline` does not cover: what is asked before all of the request is here. Later, so that there are not two answers.
    handlerTimeout: options.deadlineMs + handlerGraceMs,
    requestTimeout: options.receiveTimeoutMs ?? 30_000,
    forceCloseConnections: "idle",
    // Our own refusal (below) is problem+json like every other one.
    return503OnClosing: false,
    routerOptions: { maxParamLength: pathSegmentChars, caseSensitive: true },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: (error, socket) => refuseConnection(error.code, socket),
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: FastifyRequest, body: Buffer) =>
    parseJson(body),
  );

  const connections = followConnections(app.server);
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
    connections.drain();
    // It need not keep the process alive: the connections that it is there for do.
    setTimeout(() => connections.destroy(), options.deadlineMs).unref();
  });
  const allowedMethods = rememberRoutes(app);
  app.addHook("onRequest", async (request, reply) => {
    if (closing) throw new AppError("shutting-down");
    reply.header("x-content-type-options", "nosniff");
    // A request target has no fragment (RFC 9112, section 3.2); the router would cut it off and act on a shorter id.
    if (request.raw.url?.includes("#") === true) throw new AppError("malformed-request");
  });
  keepDeadline(app, options.deadlineMs);
  app.addHook("onSend", async (_request, reply) => {
    // A connection that was busy when the shutdown began would otherwise stay open, and hold it up, for a next request.
    if (closing) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: request.is404 ? null : (request.routeOptions.url ?? null),
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      "request",
    );
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const methods = allowedMethods(request.raw.url ?? "/");
    if (methods.length === 0) throw new AppError("not-found");
    reply.header("allow", methods.join(", "));
    throw new AppError("method-not-allowed");
  });
  return app;
}

/** The one place where a failure becomes an answer; the cause of what is our fault goes to the log, and only there. */
function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = appErrorOf(error, request.routeOptions?.bodyLimit ?? limits.requestBytes);
  const { status } = problems[known.code];
  if (status === 500) request.log.error({ err: known.cause ?? known, code: known.code }, "request failed");
  else if (status > 500) request.log.warn({ err: known, code: known.code }, "request refused");
  else request.log.debug({ code: known.code }, "request refused");
  const retryAfterS = retryAfterOf(known);
  if (retryAfterS !== undefined) reply.header("retry-after", String(retryAfterS));
  if (status === 401) reply.header("www-authenticate", challengeOf(known));
  // A serialised string, so that no serialiser of a route is asked; answers to errors are never for a cache.
  return reply
    .code(status)
    .header("cache-control", "no-store")
    .type(problemType)
    .send(JSON.stringify(problemOf(known, request.id)));
}

/** RFC 6750, section 3: no error attribute when no token was sent at all. */
const challengeOf = (error: AppError): string =>
  error.code === "unauthenticated" && error.details.pointer === "authorization"
    ? 'Bearer realm="reticent"'
    : 'Bearer realm="reticent", error="invalid_token"';

/** Answers what is no HTTP request at all. */
function refuseConnection(code: string | undefined, socket: Socket): void {
  if (code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const error =
    code === "HPE_HEADER_OVERFLOW"
      ? new AppError("headers-too-large", {
          detail: `request line and headers: at most ${headerBytes} bytes`,
          limit: { name: "headerBytes", max: headerBytes },
        })
      : new AppError("malformed-request");
  const { status } = problems[error.code];
  const body = JSON.stringify(problemOf(error, `req_${randomBytes(12).toString("hex")}`));
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: ${problemType}\r\nCache-Control: no-store\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
