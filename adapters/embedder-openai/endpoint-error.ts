import { APIConnectionTimeoutError, APIError, APIUserAbortError } from "openai";

/**
 * - `no-answer`: nothing came, or not in time; includes server errors
 * - `rate-limited`: asked too often
 * - `wrong-answer`: an answer that is none, or not one to this question
 * - `refused`: the key, the path or the model's name is wrong, or the account is at its end
 * - `text-refused`: something about the texts; others may pass
 * - `not-asked`: the endpoint failed so often that it is left alone for a while, or is being closed
 */
export type EndpointFailure = "no-answer" | "rate-limited" | "wrong-answer" | "refused" | "text-refused" | "not-asked";

/**
 * What went wrong with an embeddings endpoint. Made of this project's own words, a status and a code: never the client's own error, a
 * header, a URL or a word of the answer, which may quote the key or a document.
 */
export class EndpointError extends Error {
  readonly failure: EndpointFailure;
  /** How long the endpoint asked to be left alone, ms. */
  readonly retryAfterMs: number | undefined;

  /** @param cause another error of this kind, or none */
  constructor(failure: EndpointFailure, message: string, retryAfterMs?: number, cause?: EndpointError) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "EndpointError";
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What the client threw, as an {@link EndpointError}. */
export function endpointErrorOf(error: unknown, now: number): EndpointError {
  if (error instanceof EndpointError) return error;
  if (error instanceof APIUserAbortError || error instanceof APIConnectionTimeoutError) {
    return new EndpointError("no-answer", "no whole answer in time");
  }
  if (error instanceof APIError && error.status !== undefined) return ofStatus(error.status, error, now);
  const own = ownCause(error);
  if (own !== undefined) return own;
  // The client reads the body and lets the JSON parser complain.
  if (error instanceof SyntaxError) return new EndpointError("wrong-answer", "the answer is not JSON");
  return new EndpointError("no-answer", `the connection failed (${codeOf(error)})`);
}

const aboutTexts: ReadonlySet<number> = new Set([400, 413, 422]);

function ofStatus(status: number, error: APIError, now: number): EndpointError {
  const message = `status ${status}${providerCode(error.code)}`;
  const headers: unknown = error.headers;
  const wait = headers instanceof Headers ? retryAfterMsOf(headers, now) : undefined;
  if (status === 429) return new EndpointError("rate-limited", message, wait);
  if (status === 408 || status === 409 || status >= 500) return new EndpointError("no-answer", message, wait);
  return new EndpointError(aboutTexts.has(status) ? "text-refused" : "refused", message);
}

/** A code as providers write them, e.g. `insufficient_quota`; anything that could be a part of a key or a text is left out. */
function providerCode(code: unknown): string {
  return typeof code === "string" && /^[a-z]{2,20}(_[a-z]{2,20}){1,5}$/.test(code) ? ` (${code})` : "";
}

/** A system or transport error's code, from the innermost cause that has one. */
function codeOf(error: unknown): string {
  let code = "unknown";
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string" && /^[A-Z][A-Z_]{2,40}$/.test(at.code)) code = at.code;
  }
  return code;
}

function ownCause(error: unknown): EndpointError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof EndpointError) return at;
  }
  return undefined;
}

/** Longest wait that is honoured, ms: an endpoint is asked again after that, so that a mistake of its does not need a restart. */
const longestWaitMs = 60_000;

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or the finer `retry-after-ms`; ms from now. */
export function retryAfterMsOf(headers: Headers, now: number): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return Math.min(ms, longestWaitMs);
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), longestWaitMs) : undefined;
}
