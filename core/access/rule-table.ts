import type { Action, PolicyObject } from "../ports/policy.ts";
import type { Principal } from "./principal.ts";

/** What a rule does when it matches. Deny wins over allow, always. */
export type Effect = "allow" | "deny";

/** One validated `p` rule of the policy. */
export interface PolicyRule {
  readonly subject: Principal;
  readonly tenant: string;
  readonly object: PolicyObject;
  readonly action: Action;
  readonly effect: Effect;
}

/** One validated `g` line: in this tenant, `member` has everything that `parent` has. */
export interface RoleEdge {
  readonly member: Principal;
  readonly parent: Principal;
  readonly tenant: string;
}

/** The objects that one principal's own rules allow and deny, by action. */
export interface OwnRules {
  readonly allow: ReadonlyMap<Action, ReadonlySet<PolicyObject>>;
  readonly deny: ReadonlyMap<Action, ReadonlySet<PolicyObject>>;
}

/** The rules of one tenant, by the principal that they name. */
export interface TenantRules {
  readonly parents: ReadonlyMap<Principal, readonly Principal[]>;
  readonly bySubject: ReadonlyMap<Principal, OwnRules>;
}

/** Validated rules with their index, so that one compile looks only at the rules of the caller's own principals. */
export interface RuleTable {
  readonly rules: readonly PolicyRule[];
  readonly edges: readonly RoleEdge[];
  readonly byTenant: ReadonlyMap<string, TenantRules>;
  /** Declared labels, sorted. */
  readonly labels: readonly string[];
}

interface Building {
  readonly parents: Map<Principal, Principal[]>;
  readonly bySubject: Map<Principal, { allow: Map<Action, Set<PolicyObject>>; deny: Map<Action, Set<PolicyObject>> }>;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Indexes validated rules and edges, with the labels that the folder declares. Linear in their number; done once per policy revision. */
export function ruleTable(
  rules: readonly PolicyRule[],
  edges: readonly RoleEdge[],
  labels: Iterable<string>,
): RuleTable {
  const byTenant = new Map<string, Building>();
  const tenant = (name: string) =>
    entry(byTenant, name, (): Building => ({ parents: new Map(), bySubject: new Map() }));
  for (const edge of edges) entry(tenant(edge.tenant).parents, edge.member, (): Principal[] => []).push(edge.parent);
  for (const rule of rules) {
    const own = entry(tenant(rule.tenant).bySubject, rule.subject, () => ({ allow: new Map(), deny: new Map() }));
    entry(own[rule.effect], rule.action, () => new Set<PolicyObject>()).add(rule.object);
  }
  return { rules, edges, byTenant, labels: [...labels].toSorted() };
}
