import { AppError } from "#core/errors.ts";
import type { ServiceConfig } from "#services/config.ts";

/** A server behind an adapter that cannot be used at the start. Its message is one line that names setting, host, code and reason. */
export class UnusableServer extends Error {
  /**
   * @param setting the variable that names the server
   * @param url of the server; only its host is told, which holds neither user nor password
   * @param cause what its adapter said; the reasons lie in its own causes
   */
  constructor(setting: string, url: string | undefined, cause: AppError) {
    const host = URL.parse(url ?? "")?.host || "a socket";
    const reasons = reasonsOf(cause).join(": ").replaceAll(/\s+/g, " ").slice(0, 500);
    super(`${setting} (${host}): ${cause.code}: ${reasons}`, { cause });
    this.name = "UnusableServer";
  }
}

/** What goes wrong at the start, as a person has to read it: an adapter's error in a request names neither server nor reason. */
export function namingServer(
  error: unknown,
  { adapters, redis, qdrant }: Pick<ServiceConfig, "adapters" | "redis" | "qdrant">,
): unknown {
  if (!(error instanceof AppError)) return error;
  if (error.code === "ledger-unavailable" && adapters.ledger === "redis")
    return new UnusableServer("RETICENT_REDIS_URL", redis?.url, error);
  if (error.code === "index-unavailable" && adapters.index === "qdrant")
    return new UnusableServer("RETICENT_QDRANT_URL", qdrant?.url, error);
  return error;
}

/** What an adapter tells its callers names no reason; the causes do, from the outside to the inside. */
function reasonsOf(error: Error): readonly string[] {
  const { cause } = error;
  if (!(cause instanceof Error)) return [error.message];
  const inner = reasonsOf(cause);
  return inner.includes(error.message) ? inner : [error.message, ...inner];
}
