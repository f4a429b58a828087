import { ZodError } from "zod";
import { AppError } from "#core/errors.ts";

/** Errors whose message was written by this project, and holds no secret. */
const own: ReadonlySet<string> = new Set([
  "ConfigError",
  "DataDirectoryUnusable",
  "EndpointError",
  "LogLeftBehind",
  "PolicyFolderError",
  "UnusableFile",
]);

/** What the first word of a Redis error means. The rest of it may repeat what was sent. */
const redisErrors: Readonly<Record<string, string>> = {
  WRONGPASS: "the server refuses the user name or password",
  NOAUTH: "the server asks for a password",
  NOPERM: "the server does not allow this user to ask",
  DENIED: "the server is protected and takes connections of its own machine only",
  LOADING: "the server is still reading its files",
  BUSY: "the server is busy with a script",
  MASTERDOWN: "the server is a replica without its primary",
  MISCONF: "the server refuses, because it cannot save to its disk",
  OOM: "the server refuses, because its memory is full",
};

/** What a code of the system means to a person. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no machine of this name",
  EAI_AGAIN: "the name could not be looked up",
  ETIMEDOUT: "no answer in time",
  ERR_JWKS_TIMEOUT: "no answer in time",
  ERR_JWKS_INVALID: "the answer is no JSON Web Key Set",
  ERR_JOSE_GENERIC: "the answer is no JSON Web Key Set",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  EHOSTUNREACH: "there is no way to the machine",
  ENETUNREACH: "there is no way to the network",
  ENOENT: "there is no such file or folder",
  EACCES: "access is denied",
  ENOTDIR: "a part of the path is not a directory",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by nobody known",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by nobody known",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/**
 * Why something failed, in words of this project alone: a library's own message may hold a URL with its password, a header with its key, or what a
 * server chose to repeat of them.
 */
export function reasonOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const reason = reasonOfOne(at);
    if (reason !== undefined) return reason;
  }
  if (error instanceof AppError) return error.message;
  return error instanceof Error && /^[A-Za-z]{1,40}$/.test(error.name)
    ? `it failed (${error.name})`
    : "it failed, and nothing is known why";
}

function reasonOfOne(error: Error): string | undefined {
  if (own.has(error.name)) return error.message;
  if (error instanceof ZodError) return "the answer has another shape than it should";
  if (error instanceof SyntaxError) return "the answer is not what it should be";
  if (error.name === "TimeoutError" || error.name === "AbortError" || error.name === "QdrantClientTimeoutError")
    return "no answer in time";
  if (error.name === "ReplyError") {
    if (error.message.startsWith("ERR DB index is out of range")) return "the server has no database of this number";
    const [word = ""] = /^[A-Z]{2,20}\b/.exec(error.message) ?? [];
    return redisErrors[word] ?? `the server answers with an error${word === "" ? "" : ` (${word})`}`;
  }
  // As ioredis and this project's own connections say it.
  if (
    /^(Command|Socket) timed out|^connect ETIMEDOUT|no answer within \d+ ms$|^no whole answer in |^Socket timeout/.test(
      error.message,
    )
  )
    return "no answer in time";
  if (error.message === "Connection is closed.") return "the connection was cut";
  if (error.message.startsWith("Protocol error")) return "what answers there is no Redis";
  const status = "status" in error ? error.status : undefined;
  if (typeof status === "number" && status >= 300 && status <= 599) return `status ${status}${statusMeaning(status)}`;
  const code = "code" in error ? error.code : undefined;
  // A code of this project's own names no cause: that is below.
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) {
    const meaning = codes[code];
    return meaning === undefined ? code : `${meaning} (${code})`;
  }
  return undefined;
}

function statusMeaning(status: number): string {
  if (status === 401 || status === 403) return ": the server refuses the key";
  return status === 404 ? ": there is no such thing" : "";
}
