import { AppError, type ErrorCode, type ErrorDetails, limitExceeded, problems } from "#core/errors.ts";

/** Media type of every error answer (RFC 9457). */
export const problemType = "application/problem+json; charset=utf-8";

/** The body of an error answer. Keys without a value are absent. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly limit?: ErrorDetails["limit"];
  readonly pointer?: string;
  readonly request_id: string;
}

/** What is told about a failure. The cause is not part of it. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title } = problems[error.code];
  const { detail, limit, pointer } = error.details;
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    code: error.code,
    ...(detail === undefined ? {} : { detail }),
    ...(limit === undefined ? {} : { limit }),
    ...(pointer === undefined ? {} : { pointer }),
    request_id: requestId,
  };
}

/** Seconds after which trying again makes sense: what the error says, else a default for what is over by itself. */
export function retryAfterOf(error: AppError): number | undefined {
  const { status } = problems[error.code];
  return error.details.retryAfterS ?? (status === 429 || status === 503 ? 1 : undefined);
}

/** Fastify's own refusals, by its code. Everything else that it calls a client's error is `malformed-request`. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_NOT_FOUND: "not-found",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported-media-type",
  FST_ERR_HANDLER_TIMEOUT: "deadline-exceeded",
};

/**
 * The stable code of anything that was thrown. What is not foreseen is `internal`, and its message stays in the log: it may quote a
 * text or an id.
 * @param bodyLimit of the route, bytes.
 */
export function appErrorOf(error: unknown, bodyLimit: number): AppError {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    const limit = { name: "requestBytes", max: bodyLimit };
    return new AppError(
      "body-too-large",
      { detail: `request body: at most ${bodyLimit} bytes`, limit },
      { cause: error },
    );
  }
  if (code === "FST_ERR_MAX_PARAM_LENGTH") return limitExceeded("path segment", pathSegmentChars, "characters");
  const known = Object.hasOwn(frameworkCodes, code) ? frameworkCodes[code] : undefined;
  if (known !== undefined) return new AppError(known, {}, { cause: error });
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new AppError("malformed-request", {}, { cause: error });
  }
  return new AppError("internal", {}, { cause: error });
}

/**
 * Longest path segment that the router takes, still percent-encoded in part. Higher than anything that an id may need, so that the
 * id's own check answers, and names the limit.
 */
export const pathSegmentChars = 64 * 1024;
