import { AppError } from "#core/errors.ts";
import type { ServiceConfig } from "#services/config.ts";

/** Why a process does not start: one line with what is missing, its address, the code and the reason. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StartError";
  }
}

/**
 * What is told to whoever started a process, of a dependency that it cannot do without. Anything else that stops a start says itself what is
 * wrong, and stays as it is.
 */
export function startErrorOf(error: unknown, config: Pick<ServiceConfig, "adapters" | "redis" | "qdrant">): unknown {
  if (!(error instanceof AppError)) return error;
  return new StartError(`cannot start: ${dependencyOf(error.code, config)}: ${error.code}: ${reasonOf(error)}`);
}

function dependencyOf(
  code: AppError["code"],
  { adapters, redis, qdrant }: Pick<ServiceConfig, "adapters" | "redis" | "qdrant">,
): string {
  if (code === "ledger-unavailable")
    return adapters.ledger === "redis" ? `Redis at ${hostOf(redis?.url)}` : "the ledger";
  if (code === "index-unavailable")
    return adapters.index === "qdrant" ? `Qdrant at ${hostOf(qdrant?.url)}` : "the index";
  return "a dependency";
}

/** Without user and password. */
const hostOf = (url: string | undefined): string => URL.parse(url ?? "")?.host || "its socket";

/** The innermost cause, which is what went wrong at the connection; on one line. */
function reasonOf(error: Error): string {
  let reason = error.message;
  for (let at: unknown = error.cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const code = "code" in at && typeof at.code === "string" ? at.code : "";
    reason = at.message || code || reason;
  }
  return reason.replaceAll(/\s+/g, " ").slice(0, 300);
}
