/**
 * The catalogue of stable error codes. HTTP status and title live here, because a code without them must not compile;
 * docs/errors.md documents the same list and a test holds the two together.
 */
export const problems = {
  "malformed-request": { status: 400, title: "The request is not well-formed" },
  "invalid-request": { status: 400, title: "The request does not match its schema" },
  "identity-in-request": { status: 400, title: "Who is asking comes from the token only" },
  unauthenticated: { status: 401, title: "Credentials are missing or invalid" },
  "token-expired": { status: 401, title: "The token has expired" },
  "token-too-large": { status: 401, title: "The token is larger than the limit" },
  "groups-missing": { status: 401, title: "The token does not carry the caller's complete groups" },
  "tenant-not-allowed": { status: 401, title: "The issuer may not sign for this tenant" },
  "agent-without-user": { status: 403, title: "An agent's token must name the user that it acts for" },
  "agent-not-allowed": { status: 403, title: "The policy does not let this agent act for this user" },
  "principal-disabled": { status: 403, title: "This principal is disabled" },
  forbidden: { status: 403, title: "The policy does not allow this action" },
  "not-found": { status: 404, title: "No such resource" },
  "method-not-allowed": { status: 405, title: "The method is not allowed on this resource" },
  "version-conflict": { status: 409, title: "This version was accepted before with different content" },
  "revision-mismatch": { status: 412, title: "The access list has changed since" },
  "body-too-large": { status: 413, title: "The body is larger than the limit" },
  "unsupported-media-type": { status: 415, title: "The request body must be application/json" },
  "document-refused": { status: 422, title: "The document cannot be accepted" },
  "acl-required": { status: 422, title: "A document needs an access list" },
  "acl-too-large": { status: 422, title: "The access list has more entries than the limit" },
  "unknown-label": { status: 422, title: "The label is not declared in the policy folder" },
  "unknown-source": { status: 422, title: "The source is not declared in the policy folder" },
  "unknown-tier": { status: 422, title: "The authority tier is not declared in the policy folder" },
  "limit-exceeded": { status: 422, title: "A limit is exceeded" },
  "headers-too-large": { status: 431, title: "The request line and headers are larger than the limit" },
  "rate-limited": { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Internal error" },
  "identity-unavailable": { status: 503, title: "The issuer's keys cannot be fetched" },
  "policy-unavailable": { status: 503, title: "The access policy is not usable" },
  "policy-outdated": { status: 503, title: "This process does not use the policy that is in force" },
  "ledger-unavailable": { status: 503, title: "The ledger cannot be read" },
  "index-unavailable": { status: 503, title: "Search is temporarily unavailable" },
  "embedder-unavailable": { status: 503, title: "The embedding model is temporarily unavailable" },
  "traces-unavailable": { status: 503, title: "Traces and feedback are temporarily unavailable" },
  reindexing: { status: 503, title: "The documents are being indexed again" },
  "retrieval-contended": { status: 503, title: "The documents changed faster than they could be read" },
  "deadline-exceeded": { status: 503, title: "The request took longer than its deadline" },
  "shutting-down": { status: 503, title: "The service is shutting down" },
} as const satisfies Record<string, { status: number; title: string }>;

/** A stable code of {@link problems}. */
export type ErrorCode = keyof typeof problems;

/** What a caller is told beside the code. Never holds a hidden id, a token, a key, or a text. */
export interface ErrorDetails {
  /** One sentence for a person. */
  readonly detail?: string;
  /** The bound that was exceeded and where, for the limit codes. */
  readonly limit?: { readonly name: string; readonly max: number };
  /** Where in the request: JSON pointer or parameter name. */
  readonly pointer?: string;
  /** Seconds after which trying again makes sense (Retry-After). */
  readonly retryAfterS?: number;
}

/** A failure with a stable code. The core throws these and knows no HTTP; the cause goes to the log only. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(details.detail ?? problems[code].title, options);
    this.name = "AppError";
    this.code = code;
    this.details = details;
  }
}

/** Shorthand for a bound that was exceeded: the message always names the bound and its value. */
export function limitExceeded(name: string, max: number, unit: string, pointer?: string): AppError {
  return new AppError("limit-exceeded", {
    detail: `${name}: at most ${max} ${unit}`,
    limit: { name, max },
    ...(pointer === undefined ? {} : { pointer }),
  });
}
