import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { parsePrincipal } from "#core/access/principal.ts";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { ledgerOf } from "#services/http/ledger-of.ts";
import { noQuery, parseBody, parseQuery } from "#services/http/validate.ts";
import { refuseConditions } from "../etag.ts";
import type { RouteOptions } from "../options.ts";
import { disabledSchema } from "../schemas.ts";
import { revisionFor } from "./shared.ts";

/** PUT /v1/principals/{id}/disabled: takes effect with the next request of that user or agent, whatever its token says. */
export const principalRoutes: FastifyPluginAsync<Pick<RouteOptions, "policy" | "ledger">> = async (app, options) => {
  // Asked before the body is read and again after: see admit() in shared.ts.
  const mustBeAdmin = ({ caller }: Pick<FastifyRequest, "caller">, effect: "narrows" | "may-widen"): void => {
    if (!revisionFor(effect, options.policy).may(caller, "admin", "tenant")) {
      throw new AppError("forbidden", { detail: "needs admin on the tenant" });
    }
  };
  const before = {
    bodyLimit: limits.smallRequestBytes,
    preParsing: async (request: Pick<FastifyRequest, "caller">) => mustBeAdmin(request, "narrows"),
  };
  app.put<{ Params: { id: string } }>("/v1/principals/:id/disabled", before, async (request) => {
    const { caller } = request;
    refuseConditions(request.headers);
    parseQuery(noQuery, request.query);
    const principal = parsePrincipal(request.params.id, ["user", "agent"]);
    if (principal === undefined) {
      throw new AppError("invalid-request", { detail: "user:name or agent:name", pointer: "id" });
    }
    const { disabled } = parseBody(disabledSchema, request.body);
    mustBeAdmin(request, disabled ? "narrows" : "may-widen");
    await ledgerOf(request, options.ledger).setDisabled(caller.tenant, principal, disabled);
    return { principal, disabled };
  });
};
