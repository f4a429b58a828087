import type { JWTPayload } from "jose";
import { type Caller, principalName } from "#core/access/principal.ts";
import { AppError } from "#core/errors.ts";
import { limits, tenantPattern } from "#core/limits.ts";
import type { IssuerConfig } from "./issuers.ts";

const agentPrefix = "agent:";

/**
 * Reads who is asking from the claims of a token whose signature holds.
 * @throws AppError `unauthenticated`, `token-too-large`, `groups-missing`, `tenant-not-allowed`, `agent-without-user`
 */
export function callerOf(payload: JWTPayload, issuer: IssuerConfig): Caller {
  return {
    tenant: tenantOf(payload, issuer),
    user: userOf(payload, issuer),
    groups: issuer.groups === "none" ? [] : groupsOf(payload, issuer.claims.groups),
    actors: actorsOf(payload),
  };
}

function tenantOf(payload: JWTPayload, issuer: IssuerConfig): string {
  const tenant = ownClaim(payload, issuer.claims.tenant);
  if (typeof tenant !== "string" || !tenantPattern.test(tenant)) throw refused("the token names no tenant");
  if (issuer.tenants !== "*" && !issuer.tenants.includes(tenant)) throw new AppError("tenant-not-allowed");
  return tenant;
}

function userOf(payload: JWTPayload, issuer: IssuerConfig): `user:${string}` {
  const claim = ownClaim(payload, issuer.claims.user);
  const name = typeof claim === "string" ? principalName(claim) : undefined;
  if (name === undefined) throw refused("the token names no user");
  // The subject itself must not be an agent either when the user is read from another claim. No library has looked at its type.
  const subject = Object.hasOwn(payload, "sub") ? ownClaim(payload, "sub") : "";
  if (typeof subject !== "string") throw refused("the sub claim is not a string");
  if (name.startsWith(agentPrefix) || subject.startsWith(agentPrefix)) throw new AppError("agent-without-user");
  return `user:${name}`;
}

/** All groups or none: a token that leaves one out could leave out the one that a deny names. */
function groupsOf(payload: JWTPayload, claim: string): `group:${string}`[] {
  const groups = ownClaim(payload, claim);
  if (hasOverflow(payload, claim) || !Array.isArray(groups)) throw new AppError("groups-missing");
  if (groups.length > limits.tokenGroups) throw tooMany("groups", "tokenGroups", limits.tokenGroups);
  const names = groups.map((group: unknown) => {
    const name = typeof group === "string" ? principalName(group) : undefined;
    if (name === undefined) throw new AppError("groups-missing", { detail: "an entry of the groups is not a name" });
    return `group:${name}` as const;
  });
  return [...new Set(names)].toSorted();
}

/**
 * Whether the issuer says that the groups did not fit: distributed claims (OpenID Connect Core, section 5.6.2), the marker of the
 * implicit flow (`hasgroups`), or a reference in place of the list (`groups:src1`).
 */
function hasOverflow(payload: JWTPayload, claim: string): boolean {
  const elsewhere = ownClaim(payload, "_claim_names");
  if (typeof elsewhere === "object" && elsewhere !== null && Object.hasOwn(elsewhere, claim)) return true;
  const marker = ownClaim(payload, "hasgroups");
  if (marker !== undefined && marker !== false) return true;
  return Object.keys(payload).some((name) => name.startsWith(`${claim}:src`));
}

/** The actors of an `act` chain (RFC 8693, section 4.1), the current one first. Anything odd in it is refused, never skipped. */
function actorsOf(payload: JWTPayload): `agent:${string}`[] {
  const actors: `agent:${string}`[] = [];
  let act = ownClaim(payload, "act");
  while (act !== undefined) {
    if (actors.length === limits.actors) throw tooMany("act chain", "actors", limits.actors);
    if (typeof act !== "object" || act === null || Array.isArray(act)) throw refused("the act claim is not an object");
    const subject: unknown = Object.hasOwn(act, "sub") && "sub" in act ? act.sub : undefined;
    const name =
      typeof subject === "string"
        ? principalName(subject.startsWith(agentPrefix) ? subject.slice(agentPrefix.length) : subject)
        : undefined;
    if (name === undefined) throw refused("an actor of the act claim has no subject");
    actors.push(`${agentPrefix}${name}`);
    act = Object.hasOwn(act, "act") && "act" in act ? act.act : undefined;
  }
  return actors;
}

const ownClaim = (payload: JWTPayload, name: string): unknown =>
  Object.hasOwn(payload, name) ? payload[name] : undefined;
const refused = (detail: string) => new AppError("unauthenticated", { detail });
const tooMany = (what: string, name: string, max: number) =>
  new AppError("token-too-large", { detail: `${what}: at most ${max}`, limit: { name, max } });
