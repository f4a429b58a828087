import { type Caller, parsePrincipal } from "#core/access/principal.ts";
import { tenantPattern } from "#core/limits.ts";
import { UsageError } from "../../terminal.ts";

// A name that no token, access list or policy can hold: an audience of groups alone is nobody in particular.
const nobodyInParticular = "user:\u0000";

/**
 * The caller that stands for an audience: what it may read is what a person in these groups, or this user, may read.
 * @param named `user:U` (at most one) and `group:G`
 * @throws UsageError for a missing or misspelt tenant or principal
 */
export function audienceOf(tenant: string | undefined, named: readonly string[]): { caller: Caller; names: string[] } {
  if (tenant === undefined || !tenantPattern.test(tenant)) throw new UsageError("--tenant: a tenant's name is needed");
  if (named.length === 0) throw new UsageError("--as: whose documents? user:U or group:G, repeated for several groups");
  let user: Caller["user"] = nobodyInParticular;
  const groups: Caller["groups"][number][] = [];
  for (const raw of named) {
    const principal = parsePrincipal(raw, ["user", "group"]);
    if (principal === undefined) throw new UsageError(`--as: "${raw}" is neither user:… nor group:…`);
    if (isGroup(principal)) groups.push(principal);
    else if (isUser(principal) && user === nobodyInParticular) user = principal;
    else throw new UsageError("--as: at most one user");
  }
  const distinct = [...new Set(groups)].toSorted();
  const names = [...(user === nobodyInParticular ? [] : [user]), ...distinct];
  return { caller: { tenant, user, groups: distinct, actors: [] }, names };
}

const isGroup = (principal: string): principal is `group:${string}` => principal.startsWith("group:");
const isUser = (principal: string): principal is `user:${string}` => principal.startsWith("user:");
