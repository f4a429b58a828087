import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "#core/access/principal.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { DocumentKey, DocumentRecord } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import { sourcePattern } from "#core/limits.ts";
import type { Policy, PolicySnapshot } from "#core/ports/policy.ts";
import { recheck as serviceRecheck } from "#core/retrieval/recheck.ts";
import { checkDocumentId } from "#services/http/document-id.ts";
import { etagOf } from "../etag.ts";
import type { RouteOptions } from "../options.ts";
import type { DocumentParams } from "../schemas.ts";
import { type DocumentStatus, writerStatus } from "../status.ts";

/**
 * The document that a path names, in the caller's tenant.
 * @throws AppError `limit-exceeded`, `document-refused` for an id, `unknown-source` for what cannot be a source's name
 */
export function keyOf(caller: Caller, { source, id }: DocumentParams): DocumentKey {
  if (!sourcePattern.test(source)) throw new AppError("unknown-source", { pointer: "source" });
  return { tenant: caller.tenant, source, id: checkDocumentId(id) };
}

/** Asks the policy, and only the policy: whether a document exists plays no part. @throws AppError `forbidden` */
function mustBeAllowed(snapshot: PolicySnapshot, caller: Caller, action: "write" | "share", source: string): void {
  if (!snapshot.may(caller, action, `source:${source}`)) {
    throw new AppError("forbidden", { detail: `needs ${action} on this source` });
  }
}

/** What a request may act on: the document that its path names, and the revision of the policy that lets it. */
export interface Admission {
  readonly key: DocumentKey;
  readonly snapshot: PolicySnapshot;
}

/**
 * The revision of the policy that decides about a write. What can only narrow who reads what goes by the last good one, so that access can
 * be taken away while a rejected edit makes the policy unavailable.
 * @throws AppError `policy-unavailable` for what may widen
 */
export function revisionFor(effect: "narrows" | "may-widen", policy: Policy): PolicySnapshot {
  return effect === "narrows" ? policy.lastGood() : policy.current();
}

/**
 * Whether the caller may do this to the document's source now. Asked before the body is read, so that nobody else makes us hold or parse
 * one, and again when it has arrived: the policy may have changed meanwhile.
 * @throws AppError as {@link keyOf}, {@link revisionFor} and {@link mustBeAllowed}
 */
export function admit(
  request: FastifyRequest<{ Params: DocumentParams }>,
  action: "write" | "share",
  { policy }: Pick<RouteOptions, "policy">,
  effect: "narrows" | "may-widen" = "may-widen",
): Admission {
  const key = keyOf(request.caller, request.params);
  const snapshot = revisionFor(effect, policy);
  mustBeAllowed(snapshot, request.caller, action, key.source);
  return { key, snapshot };
}

/** Every label must be declared: a misspelt one would deny nobody. @throws AppError `unknown-label` */
export function checkLabels(snapshot: PolicySnapshot, labels: readonly string[]): void {
  const at = labels.findIndex((label) => !snapshot.labels.has(label));
  if (at >= 0) throw new AppError("unknown-label", { detail: `not declared: ${labels[at]}`, pointer: `/labels/${at}` });
}

/** Whether the caller may read the document's live text now. */
export function mayReadNow(
  record: DocumentRecord,
  filter: VisibilityFilter,
  options: Pick<RouteOptions, "fingerprint" | "recheck">,
): boolean {
  const { recheck = serviceRecheck } = options;
  const fingerprint = options.fingerprint();
  const live = record.live[fingerprint];
  return live !== undefined && recheck(record, live.generation, filter, fingerprint) === "confirmed";
}

/** The writer's status of a record, with its ETag on the reply. */
export function statusOf(reply: FastifyReply, record: DocumentRecord, options: RouteOptions): DocumentStatus {
  reply.header("etag", etagOf(record.accessRevision));
  return writerStatus(record, options.fingerprint());
}

/** What was committed stands, whether or not the wake-up gets through: the reconciler finds it. */
export async function wake(request: FastifyRequest, { wakeUps }: RouteOptions, key: DocumentKey): Promise<void> {
  await wakeUps.send(key, (error) =>
    request.log.warn({ err: error }, "wake-up failed; the reconciler will find the document"),
  );
}
