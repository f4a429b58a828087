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
