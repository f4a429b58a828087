import { AppError } from "#core/errors.ts";
import type { ServiceConfig } from "#services/config.ts";

/** A server behind an adapter that cannot be used at the start. Its message is one line that names the setting and the reason. */
export class UnusableServer extends Error {
  /** @param setting the variable that names the server @param cause what its adapter said; the reasons lie in its own causes */
  constructor(setting: string, cause: Error) {
    super(`${setting}: ${reasonsOf(cause).join(": ").replaceAll(/\s+/g, " ")}`, { cause });
    this.name = "UnusableServer";
  }
}

/** What goes wrong at the start, as a person has to read it: an adapter's error in a request names neither server nor reason. */
export function namingServer(error: unknown, { adapters }: Pick<ServiceConfig, "adapters">): unknown {
  if (!(error instanceof AppError)) return error;
  if (error.code === "ledger-unavailable" && adapters.ledger === "redis")
    return new UnusableServer("RETICENT_REDIS_URL", error);
  if (error.code === "index-unavailable" && adapters.index === "qdrant")
    return new UnusableServer("RETICENT_QDRANT_URL", error);
  return error;
}

/** What an adapter tells its callers names no reason; the causes do, from the outside to the inside. */
function reasonsOf(error: Error): readonly string[] {
  const { cause } = error;
  if (!(cause instanceof Error)) return [error.message];
  const inner = reasonsOf(cause);
  return inner.includes(error.message) ? inner : [error.message, ...inner];
}
