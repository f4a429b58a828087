import { AppError, limitExceeded } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Action, PolicyObject } from "../ports/policy.ts";
import type { AccessToken } from "./acl.ts";
import type { Caller, Principal } from "./principal.ts";
import type { RuleTable, TenantRules } from "./rule-table.ts";
import type { VisibilityFilter } from "./visible.ts";

const noRules: TenantRules = { parents: new Map(), bySubject: new Map() };

/**
 * Everything that the given principals are in one tenant: themselves and what the role graph adds, in no particular order.
 * @throws AppError `limit-exceeded` over {@link limits.principals} principals or {@link limits.roleDepth} levels
 */
function closure(rules: TenantRules, start: readonly Principal[]): ReadonlySet<Principal> {
  const found = new Set<Principal>(start);
  let level: readonly Principal[] = [...found];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (found.size > limits.principals) throw limitExceeded("principals", limits.principals, "principals per caller");
    const next: Principal[] = [];
    for (const member of level) {
      for (const parent of rules.parents.get(member) ?? []) {
        if (found.has(parent)) continue;
        if (depth >= limits.roleDepth) throw limitExceeded("roleDepth", limits.roleDepth, "levels of roles");
        found.add(parent);
        next.push(parent);
      }
    }
    level = next;
  }
  return found;
}

/** What a set of principals may do to which objects: some member allowed, none denied. */
interface Verdict {
  readonly allowed: ReadonlySet<PolicyObject>;
  readonly denied: ReadonlySet<PolicyObject>;
}

function ask(rules: TenantRules, principals: Iterable<Principal>, action: Action): Verdict {
  const allowed = new Set<PolicyObject>();
  const denied = new Set<PolicyObject>();
  for (const principal of principals) {
    const own = rules.bySubject.get(principal);
    for (const object of own?.allow.get(action) ?? []) allowed.add(object);
    for (const object of own?.deny.get(action) ?? []) denied.add(object);
  }
  return { allowed, denied };
}

const says = (verdict: Verdict, object: PolicyObject): boolean =>
  verdict.allowed.has(object) && !verdict.denied.has(object);

const isGroup = (principal: Principal): principal is `group:${string}` => principal.startsWith("group:");

/** The closures behind one caller: the user's own, and one per actor. Every one of them has to agree. */
interface Everybody {
  readonly rules: TenantRules;
  readonly user: ReadonlySet<Principal>;
  readonly agents: readonly ReadonlySet<Principal>[];
  /** False when an actor may not act for this user. */
  readonly mayAct: boolean;
}

function everybody(table: RuleTable, caller: Caller): Everybody {
  if (caller.actors.length > limits.actors) throw limitExceeded("actors", limits.actors, "agents in one chain");
  const rules = table.byTenant.get(caller.tenant) ?? noRules;
  const user = closure(rules, [caller.user, ...caller.groups]);
  const agents = caller.actors.map((actor) => closure(rules, [actor]));
  const groups = [...user].filter(isGroup);
  const mayAct = agents.every((agent) => {
    const act = ask(rules, agent, "act");
    // A deny for any group of the user vetoes, as a deny on any principal does everywhere else.
    return groups.some((group) => act.allowed.has(group)) && !groups.some((group) => act.denied.has(group));
  });
  return { rules, user, agents, mayAct };
}

/**
 * The caller's whole principal set: user, token groups, and what the role graph adds in the tenant; sorted by code units.
 * @throws AppError `limit-exceeded` over {@link limits.principals} or {@link limits.roleDepth}
 */
export function principalsOf(table: RuleTable, caller: Caller): readonly Principal[] {
  return [...closure(table.byTenant.get(caller.tenant) ?? noRules, [caller.user, ...caller.groups])].toSorted();
}

const sourcePrefix = "source:";
const labelPrefix = "label:";

/**
 * Compiles the policy for one caller (design: "Access"). A source is readable when some principal of the user is allowed and
 * none is denied, and the same holds for every agent in between; a label is denied when anyone in the chain is denied it.
 * The result is canonical: sorted and free of duplicates.
 * @throws AppError `agent-not-allowed` when an actor may not act for the user; `limit-exceeded`
 */
export function compileVisibility(table: RuleTable, caller: Caller): VisibilityFilter {
  const { rules, user, agents, mayAct } = everybody(table, caller);
  if (!mayAct) throw new AppError("agent-not-allowed");
  const verdicts = [user, ...agents].map((principals) => ask(rules, principals, "read"));
  const sources = [...(verdicts[0]?.allowed ?? [])]
    .filter((object) => object.startsWith(sourcePrefix) && verdicts.every((verdict) => says(verdict, object)))
    .map((object) => object.slice(sourcePrefix.length))
    .toSorted();
  const [first, ...rest] = sources;
  if (first === undefined) return { kind: "nothing" };
  const deniedLabels = new Set(
    verdicts
      .flatMap((verdict) => [...verdict.denied])
      .filter((object) => object.startsWith(labelPrefix))
      .map((object) => object.slice(labelPrefix.length)),
  );
  const groups: AccessToken[] = [...user].filter(isGroup).toSorted();
  return {
    kind: "some",
    tenant: caller.tenant,
    sources: [first, ...rest],
    deniedLabels: [...deniedLabels].toSorted(),
    knownLabels: table.labels,
    tokens: ["everyone", ...groups, caller.user],
  };
}

/**
 * Whether the caller, and every actor in between, may do something: some principal allowed and none denied, for each of them.
 * False when an actor may not act for the user at all.
 * @throws AppError `limit-exceeded` over {@link limits.principals} or {@link limits.roleDepth}
 */
export function mayDo(table: RuleTable, caller: Caller, action: Action, object: PolicyObject): boolean {
  const { rules, user, agents, mayAct } = everybody(table, caller);
  return mayAct && [user, ...agents].every((principals) => says(ask(rules, principals, action), object));
}
