import type { FastifyPluginAsync } from "fastify";
import { accessOf } from "#core/access/acl.ts";
import { noQuery, parseBody, parseQuery } from "#services/http/validate.ts";
import { expectedRevision } from "../etag.ts";
import type { IndexerOptions } from "../options.ts";
import { type DocumentParams, putAccessSchema } from "../schemas.ts";
import { checkLabels, keyOf, mustBeAllowed, statusOf, wake } from "./shared.ts";

/** A document's access alone: in force for every question that starts after the answer. */
export const accessRoutes: FastifyPluginAsync<IndexerOptions> = async (app, options) => {
  const { ledger, policy } = options;

  app.put<{ Params: DocumentParams }>("/v1/documents/:source/:id/acl", async (request, reply) => {
    const { caller } = request;
    const key = keyOf(caller, request.params);
    const snapshot = policy.current();
    mustBeAllowed(snapshot, caller, "share", key.source);
    parseQuery(noQuery, request.query);
    const expected = expectedRevision(request.headers["if-match"]);
    const { acl, labels } = parseBody(putAccessSchema, request.body);
    checkLabels(snapshot, labels);
    const record = await ledger.putAccess({
      key,
      access: accessOf(acl, labels),
      ...(expected === undefined ? {} : { expectedAccessRevision: expected }),
    });
    await wake(request, options, key);
    return { document: statusOf(reply, record, options) };
  });
};
