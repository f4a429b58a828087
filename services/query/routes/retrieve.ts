import type { FastifyPluginAsync } from "fastify";
import { limits } from "#core/limits.ts";
import { retrieveRequestSchema } from "#core/retrieval/request.ts";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import type { Retrieve } from "#core/retrieval/retrieve.ts";
import { principalKey } from "#services/http/auth.ts";
import { signalOf, takeTimeout } from "#services/http/deadline.ts";
import { parseBody } from "#services/http/validate.ts";
import { FairShare } from "../fair-share.ts";

/**
 * POST /v1/retrieve and its lasting alias POST /retrieve: passages that the caller may read and trust, or an abstention.
 * The response is validated on its way out: a wrong one is a 500, never a half-right answer.
 */
export const retrieveRoutes: FastifyPluginAsync<{ retrieve: Retrieve }> = async (app, { retrieve }) => {
  const share = new FairShare(limits.retrievesAtOnce);
  for (const url of ["/v1/retrieve", "/retrieve"]) {
    app.post(url, { bodyLimit: limits.queryRequestBytes, preValidation: takeTimeout }, async (request, reply) => {
      const body = parseBody(retrieveRequestSchema, request.body);
      const { caller } = request;
      const signal = signalOf(request);
      const answer = await share.run(principalKey(caller), signal, () => retrieve(caller, body, signal));
      const response = retrieveResponseSchema.parse(answer);
      // An answer is for this caller, now: no cache may keep it for another one, or for later.
      return reply.header("cache-control", "no-store").send(response);
    });
  }
};
