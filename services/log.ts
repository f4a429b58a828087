import type { FastifyInstance } from "fastify";
import type { PolicyEvent } from "#adapters/policy-casbin/policy.ts";
import type { PinnedModelEvent } from "#core/embedding/pinned.ts";
import type { AuditEvent } from "#core/ingest/audit.ts";

/** What happened to the policy folder, as a line of the log. */
export function logPolicy(app: FastifyInstance, event: PolicyEvent): void {
  if (event.kind === "loaded") app.log.info(event, "policy in force");
  else app.log.error(event, "policy edit rejected; the last good revision stays in force");
}

/** What happened to the deployment's embedding model, as a line of the log. */
export function logModel(app: FastifyInstance, event: PinnedModelEvent): void {
  if (event.kind === "switched") app.log.info(event, "another embedding model answers");
  else if (event.kind === "retired") app.log.info(event, "what was indexed for other embedding models is given up");
  else if (event.kind === "drift") app.log.error(event, "an embedding model gives other vectors than it did");
  else app.log.warn({ ...event, err: event.error }, "an embedding model could not be checked");
}

/** Logs what an audit of the index found. */
export function logAudit(app: FastifyInstance, event: AuditEvent): void {
  if (event.kind === "filled") app.log.info(event, "the index holds everything that is live, and is searched");
  else app.log.warn(event, "the index lacks documents that are live: they are indexed again");
}

/** How long a trouble that is still the same is not told again, ms: connections that fail are tried several times a second. */
const sameTroubleMs = 60_000;

/**
 * Makes a reporter of troubles that nobody waits for. The first of each message is told at once, the same message again after a minute,
 * with how often it came meanwhile; at most a hundred messages are kept apart.
 * @param now monotonic, ms
 */
export function troubleTeller(
  tell: (error: unknown, repeated: number) => void,
  now: () => number = () => performance.now(),
): (error: unknown) => void {
  const told = new Map<string, { readonly at: number; repeated: number }>();
  return (error) => {
    const message = error instanceof Error ? error.message : String(error);
    const before = told.get(message);
    if (before !== undefined && now() - before.at < sameTroubleMs) {
      before.repeated += 1;
      return;
    }
    if (before === undefined && told.size >= 100) told.clear();
    told.set(message, { at: now(), repeated: 0 });
    tell(error, before?.repeated ?? 0);
  };
}
