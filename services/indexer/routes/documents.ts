import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { accessOf } from "#core/access/acl.ts";
import type { ContentInfo, DocumentKey, DocumentRecord } from "#core/document.ts";
import { AppError, limitExceeded } from "#core/errors.ts";
import { accessHash, contentHash, requestHash } from "#core/ingest/hash.ts";
import { waitUntilSearchable } from "#core/ingest/wait.ts";
import { limits } from "#core/limits.ts";
import type { Ledger, PutDocument } from "#core/ports/ledger.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { qualityOf } from "#core/trust/quality.ts";
import { checkDocumentId } from "#services/http/document-id.ts";
import { ledgerOf } from "#services/http/ledger-of.ts";
import { noQuery, parseBody, parseQuery } from "#services/http/validate.ts";
import { expectedRevision, refuseConditions } from "../etag.ts";
import type { RouteOptions } from "../options.ts";
import {
  type DocumentParams,
  deleteQuerySchema,
  type PutDocumentBody,
  putDocumentSchema,
  putQuerySchema,
} from "../schemas.ts";
import { readerStatus } from "../status.ts";
import { type Admission, admit, checkLabels, keyOf, mayReadNow, statusOf, wake } from "./shared.ts";

type DocumentRequest = FastifyRequest<{ Params: DocumentParams }>;

const path = "/v1/documents/:source/:id";

/** One document: accept it, delete it, say how it stands. */
export const documentRoutes: FastifyPluginAsync<RouteOptions> = async (app, options) => {
  const { policy } = options;

  const mayPut = (request: DocumentRequest): Admission => {
    const admission = admit(request, "write", options);
    if (!admission.snapshot.trust.sources.has(admission.key.source)) {
      throw new AppError("unknown-source", { pointer: "source" });
    }
    return admission;
  };
  const beforePut = { preParsing: async (request: DocumentRequest) => void mayPut(request) };
  app.put<{ Params: DocumentParams }>(path, beforePut, async (request, reply) => {
    const { key, snapshot } = mayPut(request);
    const { wait } = parseQuery(putQuerySchema, request.query);
    refuseConditions(request.headers, "if-match");
    const expected = expectedRevision(request.headers["if-match"]);
    const body = parseBody(putDocumentSchema, request.body);
    checkDocument(body, snapshot);
    const ledger = ledgerOf(request, options.ledger);
    const { outcome, record } = await ledger.putDocument({
      ...commandOf(key, body),
      mayShare: snapshot.may(request.caller, "share", `source:${key.source}`),
      ...(expected === undefined ? {} : { expectedAccessRevision: expected }),
    });
    // A repeat wakes too: it is how a document that failed is tried again without a new version.
    if (outcome !== "ignored") await wake(request, options, key);
    const settled = outcome === "ignored" ? record : await waited(record, wait === "true", { ...options, ledger });
    const document = statusOf(reply, settled, options);
    const accepted = outcome === "created" || outcome === "updated";
    const pending = wait === "true" ? document.state === "indexing" : accepted;
    return reply.code(pending && outcome !== "ignored" ? 202 : 200).send({ outcome, document });
  });

  const beforeDelete = {
    bodyLimit: limits.smallRequestBytes,
    preParsing: async (request: DocumentRequest) => void admit(request, "write", options, "narrows"),
  };
  app.delete<{ Params: DocumentParams }>(path, beforeDelete, async (request, reply) => {
    const { key } = admit(request, "write", options, "narrows");
    refuseConditions(request.headers);
    const { version } = parseQuery(deleteQuerySchema, request.query);
    const { outcome, record } = await ledgerOf(request, options.ledger).deleteDocument({ key, version });
    await wake(request, options, key);
    return { outcome, document: statusOf(reply, record, options) };
  });

  app.get<{ Params: DocumentParams }>(path, async (request, reply) => {
    const { caller } = request;
    const key = keyOf(caller, request.params);
    parseQuery(noQuery, request.query);
    const snapshot = policy.current();
    const [record] = await ledgerOf(request, options.ledger).read([key]);
    reply.header("cache-control", "no-store");
    if (record !== undefined && snapshot.may(caller, "write", `source:${key.source}`)) {
      return { document: statusOf(reply, record, options) };
    }
    const filter = snapshot.visibility(caller);
    if (record === undefined || !mayReadNow(record, filter, options)) throw new AppError("not-found");
    return { document: readerStatus(record, options.fingerprint()) };
  });
};

function checkDocument(body: PutDocumentBody, snapshot: PolicySnapshot): void {
  if (Buffer.byteLength(body.body) > limits.bodyBytes) {
    throw limitExceeded("body", limits.bodyBytes, "bytes", "/body");
  }
  checkLabels(snapshot, body.labels);
  const { authority, supersedes } = body.quality;
  if (authority !== undefined && !snapshot.trust.tiers.includes(authority)) {
    throw new AppError("unknown-tier", { detail: "not declared in trust.yaml", pointer: "/quality/authority" });
  }
  for (const [at, item] of (supersedes ?? []).entries()) {
    checkDocumentId(typeof item === "string" ? item : item.id, `/quality/supersedes/${at}`);
  }
}

function commandOf(key: DocumentKey, body: PutDocumentBody): Omit<PutDocument, "mayShare"> {
  const info: ContentInfo = {
    version: body.version,
    title: body.title,
    url: body.url ?? null,
    contentType: body.content_type,
    quality: qualityOf(body.quality, key.source),
  };
  const access = accessOf(body.acl, body.labels);
  const content = contentHash(info, body.body);
  return {
    ...info,
    key,
    body: body.body,
    access,
    contentHash: content,
    requestHash: requestHash(content, accessHash(access)),
  };
}

/** The record after its wanted content was indexed, as far as the time allows. */
async function waited(
  record: DocumentRecord,
  wait: boolean,
  options: Pick<RouteOptions, "changes" | "written" | "waitMs"> & { readonly ledger: Pick<Ledger, "read"> },
): Promise<DocumentRecord> {
  const generation = record.wanted?.generation;
  if (!wait || generation === undefined) return record;
  const { ledger, changes, written, waitMs: timeoutMs } = options;
  const fingerprints = written();
  const result = await waitUntilSearchable({ ledger, changes, key: record.key, generation, fingerprints, timeoutMs });
  return result.record ?? record;
}
