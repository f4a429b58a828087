import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { documentStatusSchema } from "#services/indexer/status.ts";
import { bodyOf, titleOf } from "../content.ts";
import { anIndexer, type Chaos, isOutage, note, send } from "../context.ts";
import type { DocumentAnswer, DocumentFacts, DocumentOperation } from "../model/document.ts";
import type { TrackedDocument } from "../model/world.ts";
import type { Call } from "../stack/http.ts";
import type { Service } from "../stack/service.ts";

/** After so long without an answer, a request whose connection ended, or that met an outage, can have no effect any more, ms. */
const fadeMs = 1_000;
/** Longest time that one request is repeated until its outcome is known, ms. */
const patienceMs = 120_000;

const accepted = z.looseObject({
  outcome: z.enum(["created", "updated", "unchanged", "ignored", "deleted"]).optional(),
  document: documentStatusSchema,
});

/** What a writer is told. */
export type DocumentStatus = z.infer<typeof documentStatusSchema>;

/** The part of a status that the model foretells. */
export function factsOfStatus(status: DocumentStatus): DocumentFacts {
  const { state, version, generation, access_revision, access_hash } = status;
  return {
    isDeleted: state === "deleted",
    version,
    generation,
    revision: access_revision ?? -1,
    accessHash: access_hash,
  };
}

/**
 * Sends an operation, through any indexer, until its outcome is known. Requests without one stay open in the model for as long as they may still
 * take effect; `fading` collects their ends.
 */
export async function perform(
  chaos: Chaos,
  random: () => number,
  document: TrackedDocument,
  operation: DocumentOperation,
  fading: Promise<void>[],
): Promise<DocumentAnswer | undefined> {
  const until = performance.now() + patienceMs;
  for (let attempt = 0; performance.now() < until && !document.isBroken; attempt += 1) {
    const indexer = anIndexer(chaos, random);
    const answer = await tryOnce(chaos, document, operation, indexer, fading);
    if (answer !== undefined) return answer;
    await sleep(30 + random() * Math.min(400, 30 * 2 ** attempt));
  }
  if (!document.isBroken) chaos.report({ kind: "no-recovery", message: "a write never got an answer", document });
  return undefined;
}

async function tryOnce(
  chaos: Chaos,
  document: TrackedDocument,
  operation: DocumentOperation,
  indexer: Service,
  fading: Promise<void>[],
): Promise<DocumentAnswer | undefined> {
  const { world, writes } = chaos;
  const { history } = document;
  const request = world.tick();
  history.begin(request, request, operation);
  note(chaos, document, `${request} ${operationText(operation)} → ${indexer.name}`);
  const { reply, to } = await send(chaos, indexer, callOf(chaos, document, operation), "write");
  if (reply.kind === "refused") {
    history.unsent(to, request);
    writes.add(`${operation.kind}: refused`);
    return undefined;
  }
  if (reply.kind === "cut" || isOutage(reply)) {
    const why = reply.kind === "cut" ? "cut" : reply.code;
    note(chaos, document, `${request} ${why}`);
    writes.add(`${operation.kind}: ${why}`);
    // A handler may outlive the answer that told of its deadline.
    const ms = why === "deadline-exceeded" ? fadeMs + 2 * chaos.deadlineMs : fadeMs;
    fading.push(sleep(ms).then(() => history.lost(world.tick(), request)));
    return undefined;
  }
  const { answer, status } = read(operation, reply.status, reply.code, reply.body);
  note(chaos, document, `${request} ${answer === undefined ? `${reply.status} ${reply.code}` : answerText(answer)}`);
  writes.add(`${operation.kind}: ${answer?.outcome ?? reply.status}`);
  if (answer === undefined || !history.answered(to, request, answer)) {
    const expected = history.expected(request).map(answerText).join(" or ");
    const message = `${answer === undefined ? `${reply.status} ${reply.code}` : answerText(answer)} instead of ${expected}`;
    document.isBroken = true;
    history.lost(to, request);
    chaos.report({ kind: "impossible-answer", message, document });
    return undefined;
  }
  if (status?.live_version != null) document.sawLive(to, status.live_version);
  return answer;
}

function callOf(chaos: Chaos, { tenant, source, id, marker }: TrackedDocument, operation: DocumentOperation): Call {
  const path = `/v1/documents/${source}/${encodeURIComponent(id)}`;
  const base = { token: chaos.tokens.writer(tenant) };
  const headers: Record<string, string> =
    "ifMatch" in operation && operation.ifMatch !== undefined ? { "if-match": `"${operation.ifMatch}"` } : {};
  if (operation.kind === "delete") return { ...base, method: "DELETE", path: `${path}?version=${operation.version}` };
  if (operation.kind === "access")
    return { ...base, headers, method: "PUT", path: `${path}/acl`, body: operation.access };
  const { content, access } = operation;
  const body = {
    version: content.version,
    title: titleOf(marker, content),
    content_type: "text/plain",
    body: bodyOf(marker, content, drawOf(content.put)),
    ...access,
  };
  return { ...base, headers, method: "PUT", path, body };
}

/** 0 … 1, the same for the same put. */
const drawOf = (put: number): number => ((put * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;

function read(
  operation: DocumentOperation,
  status: number,
  code: string,
  body: unknown,
): { readonly answer?: DocumentAnswer; readonly status?: DocumentStatus } {
  if (code === "not-found" || code === "version-conflict" || code === "revision-mismatch") {
    return { answer: { outcome: code } };
  }
  const parsed = accepted.safeParse(body);
  if (status >= 300 || !parsed.success) return {};
  const { outcome = "access", document } = parsed.data;
  if ((operation.kind === "access") !== (outcome === "access")) return {};
  return { answer: { outcome, facts: factsOfStatus(document) }, status: document };
}

/** One line about an operation. */
export function operationText(operation: DocumentOperation): string {
  const match = "ifMatch" in operation && operation.ifMatch !== undefined ? ` if-match ${operation.ifMatch}` : "";
  if (operation.kind === "delete") return `delete up to ${operation.version}`;
  const access = operation.access.acl.map(
    (entry) => `${entry.access_type === "grant" ? "+" : "-"}${entry.type === "everyone" ? "everyone" : entry.value}`,
  );
  const said = `${access.join(" ")} [${operation.access.labels.join(" ")}]${match}`;
  return operation.kind === "access"
    ? `access ${said}`
    : `put ${operation.content.version}/${operation.content.put} ${said}`;
}

/** One line about an answer. */
export function answerText(answer: DocumentAnswer): string {
  if (!("facts" in answer)) return answer.outcome;
  const { isDeleted, version, generation, revision } = answer.facts;
  return `${answer.outcome}: ${isDeleted ? "deleted, " : ""}version ${version}, generation ${generation}, access revision ${revision}`;
}
