import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { Caller } from "#core/access/principal.ts";
import { during } from "#core/deadline.ts";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import type { TokenVerifier } from "#core/ports/identity.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { signalOf } from "./deadline.ts";
import { refuseIdentityKeys } from "./validate.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who is asking, from the verified token. Reading it on a route without a token is a programming error and throws. */
    readonly caller: Caller;
  }
}

export interface AuthOptions {
  readonly verifier: TokenVerifier;
  readonly ledger: Pick<Ledger, "disabledAmong">;
}

const callers = new WeakMap<FastifyRequest, Caller>();

/** The caller of a request, or `undefined` on a route without a token. */
export function callerIfAny(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** One principal for what is counted by principal: tenant, user and the agents in between. */
export const principalKey = (caller: Caller): string => JSON.stringify([caller.tenant, caller.user, ...caller.actors]);

/**
 * Lets no handler run without a caller, except on routes that say `{ config: { public: true } }`. Who is disabled (the user, or any agent
 * in between) is refused although the token still holds.
 */
export const authPlugin = fp<AuthOptions>(
  (async (app, { verifier, ledger }) => {
    app.decorateRequest("caller", {
      getter(this: FastifyRequest) {
        const caller = callers.get(this);
        if (caller === undefined) throw new AppError("unauthenticated", { pointer: "authorization" });
        return caller;
      },
    });
    app.addHook("onRequest", async (request) => {
      // Which paths exist is public; a path that does not exist has nothing to protect.
      if (request.is404 || request.routeOptions.config.public === true) return;
      callers.set(request, await verifier.verify(bearerToken(request)));
      // Here for every route at once: one that takes no parameters would not look at them.
      refuseIdentityKeys(request.query, [], "?");
    });
    const refuseDisabled = async (request: FastifyRequest): Promise<void> => {
      const caller = callers.get(request);
      if (caller === undefined) return;
      const signal = signalOf(request);
      const principals = [caller.user, ...caller.actors];
      const disabled = await during(signal, () => ledger.disabledAmong(caller.tenant, principals, signal));
      if (disabled.length > 0) throw new AppError("principal-disabled");
    };
    // Before the body is read, so that nobody disabled makes us hold a large one, and after it has arrived, so that sending one slowly does not
    // outlast being disabled. A request whose body says how much time it has asks nobody before it was read.
    app.addHook("preParsing", async (request) => {
      if (mayBeLarge(request)) await refuseDisabled(request);
    });
    app.addHook("preHandler", refuseDisabled);
  }) satisfies FastifyPluginAsync<AuthOptions>,
  { name: "reticent-auth", fastify: "5.x" },
);

/** Whether its body may be longer than a question's. */
function mayBeLarge({ headers, routeOptions }: FastifyRequest): boolean {
  const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return hasBody && (routeOptions.bodyLimit ?? limits.requestBytes) > limits.queryRequestBytes;
}

/** RFC 6750, section 2.1. Two Authorization headers are refused: which one counts must not depend on who reads them. */
function bearerToken(request: FastifyRequest): string {
  const names = request.raw.rawHeaders.filter((_value, at) => at % 2 === 0);
  if (names.filter((name) => name.toLowerCase() === "authorization").length > 1) {
    throw new AppError("unauthenticated", { detail: "more than one Authorization header" });
  }
  const header = request.headers.authorization;
  if (header === undefined) throw new AppError("unauthenticated", { pointer: "authorization" });
  const token = /^Bearer +([^\s,]+) *$/i.exec(header)?.[1];
  if (token === undefined)
    throw new AppError("unauthenticated", { detail: "the Authorization header is not a bearer token" });
  return token;
}
