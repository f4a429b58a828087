import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { accessOf } from "#core/access/acl.ts";
import { limits } from "#core/limits.ts";
import { ledgerOf } from "#services/http/ledger-of.ts";
import { noQuery, parseBody, parseQuery } from "#services/http/validate.ts";
import { expectedRevision, refuseConditions } from "../etag.ts";
import type { RouteOptions } from "../options.ts";
import { type DocumentParams, putAccessSchema } from "../schemas.ts";
import { admit, checkLabels, statusOf, wake } from "./shared.ts";

/** A document's access alone: in force for every question that starts after the answer. */
export const accessRoutes: FastifyPluginAsync<RouteOptions> = async (app, options) => {
  const mayShare = (request: FastifyRequest<{ Params: DocumentParams }>, effect: "narrows" | "may-widen") =>
    admit(request, "share", options, effect);
  const before = {
    bodyLimit: limits.accessRequestBytes,
    // What the body will ask for is not known yet.
    preParsing: async (request: Parameters<typeof mayShare>[0]) => void mayShare(request, "narrows"),
  };
  app.put<{ Params: DocumentParams }>("/v1/documents/:source/:id/acl", before, async (request, reply) => {
    parseQuery(noQuery, request.query);
    refuseConditions(request.headers, "if-match");
    const expected = expectedRevision(request.headers["if-match"]);
    const { acl, labels } = parseBody(putAccessSchema, request.body);
    // The empty list lets nobody in, whatever was there before. Whether another one is narrower would depend on the policy itself.
    const { key, snapshot } = mayShare(request, acl.length === 0 ? "narrows" : "may-widen");
    checkLabels(snapshot, labels);
    const record = await ledgerOf(request, options.ledger).putAccess({
      key,
      access: accessOf(acl, labels),
      ...(expected === undefined ? {} : { expectedAccessRevision: expected }),
    });
    await wake(request, options, key);
    return { document: statusOf(reply, record, options) };
  });
};
