import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { type Oracle, openOracle } from "#adapters/policy-casbin/oracle.ts";
import { parsePolicy } from "#adapters/policy-casbin/policy-csv.ts";
import { decode } from "#adapters/policy-casbin/text-file.ts";
import type { AccessToken } from "#core/access/acl.ts";
import { compileVisibility } from "#core/access/compile.ts";
import type { Caller } from "#core/access/principal.ts";
import { type RuleTable, ruleTable } from "#core/access/rule-table.ts";
import type { AccessSubject, VisibilityFilter } from "#core/access/visible.ts";
import { AppError } from "#core/errors.ts";
import type { Action, PolicyObject, PolicyProblem } from "#core/ports/policy.ts";

/** The model of the shipped policy: what is proved here is proved about the file that is in use. */
const model = readFileSync(new URL("../../policies/model.conf", import.meta.url), "utf8");

/** One policy in both its forms: what this project compiled, and what Casbin answers. */
export interface Universe {
  readonly table: RuleTable;
  readonly oracle: Oracle;
}

/** Reads lines of policy.csv the way the loader does. Throws when one of them is refused. */
export function tableOf(lines: readonly string[]): RuleTable {
  const problems: PolicyProblem[] = [];
  const text = decode("policy.csv", Buffer.from(lines.join("\n")), problems);
  const policy = text === undefined ? undefined : parsePolicy(text, problems);
  if (policy === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return ruleTable(policy.rules, policy.edges, labels);
}

/** Both forms of a policy. */
export async function universe(lines: readonly string[]): Promise<Universe> {
  return { table: tableOf(lines), oracle: await openOracle(model, lines.join("\n")) };
}

/** The compiled filter, or `undefined` when an agent may not act for the user. */
export function filterOf(table: RuleTable, caller: Caller): VisibilityFilter | undefined {
  try {
    return compileVisibility(table, caller);
  } catch (error) {
    if (error instanceof AppError && error.code === "agent-not-allowed") return undefined;
    throw error;
  }
}

/** What access lists say, computed the slow and obvious way: deny wins, no grant is no access. */
export function aclAllows(table: RuleTable, caller: Caller, document: AccessSubject): boolean {
  const names = new Set<string>([caller.user, ...caller.groups]);
  for (let size = -1; size !== names.size; ) {
    size = names.size;
    for (const { member, parent, tenant } of table.edges) {
      if (tenant === caller.tenant && names.has(member)) names.add(parent);
    }
  }
  names.add("everyone");
  const { grants, denies } = document.access;
  return grants.some((token) => names.has(token)) && !denies.some((token) => names.has(token));
}

const pick = <T>(values: readonly T[]) => fc.constantFrom(...values);
const tenants = ["acme", "globex"] as const;
const users = ["user:ann", "user:bob"] as const;
const groups = ["group:g0", "group:g1", "group:g2", "group:g3"] as const;
const roles = ["role:r0", "role:r1", "role:r2", "role:r3"] as const;
const agents = ["agent:a0", "agent:a1"] as const;
const sources = ["s0", "s1"] as const;
const labels = ["l0", "l1"] as const;

// Every allowed kind of edge; towards a higher number only, so that there is no cycle.
const upwards = <T>(list: readonly T[]) =>
  list.flatMap((low, place) => list.slice(place + 1).map((high) => [low, high]));
const edges = [
  ...users.flatMap((user) => [...groups, ...roles].map((parent) => [user, parent])),
  ...groups.flatMap((group) => roles.map((role) => [group, role])),
  ...upwards(groups),
  ...upwards(roles),
  ...agents.flatMap((agent) => roles.map((role) => [agent, role])),
].map(([member, parent]) => `g, ${member}, ${parent}`);

const subjects = [...users, ...groups, ...roles, ...agents];
const effects = ["allow", "deny"] as const;
const rules = {
  read: fc.tuple(pick(subjects), pick(tenants), pick(sources), pick(["allow", "allow", "allow", "deny"])),
  label: fc.tuple(pick(subjects), pick(tenants), pick(labels)),
  deed: fc.tuple(
    pick(subjects),
    pick(tenants),
    pick(["source:s0, write", "source:s0, share", "tenant, admin"]),
    pick(effects),
  ),
  act: fc.tuple(pick([...agents, ...roles]), pick(tenants), pick(groups), pick(["allow", "allow", "allow", "deny"])),
};

/** Lines of a valid policy.csv: nested groups and roles, denies, labels, agents, two tenants. */
export const policies: fc.Arbitrary<readonly string[]> = fc
  .tuple(
    fc.array(
      fc.tuple(pick(edges), pick(tenants)).map(([edge, tenant]) => `${edge}, ${tenant}`),
      { maxLength: 20 },
    ),
    fc.array(
      rules.read.map(([who, where, source, effect]) => `p, ${who}, ${where}, source:${source}, read, ${effect}`),
      {
        maxLength: 16,
      },
    ),
    fc.array(
      rules.label.map(([who, where, label]) => `p, ${who}, ${where}, label:${label}, read, deny`),
      { maxLength: 3 },
    ),
    fc.array(
      rules.deed.map(([who, where, deed, effect]) => `p, ${who}, ${where}, ${deed}, ${effect}`),
      { maxLength: 6 },
    ),
    fc.array(
      rules.act.map(([who, where, group, effect]) => `p, ${who}, ${where}, ${group}, act, ${effect}`),
      {
        maxLength: 8,
      },
    ),
  )
  .map((parts) => [...new Set(parts.flat())]);

/** A caller with any groups, alone or behind up to two agents. */
export const callers: fc.Arbitrary<Caller> = fc.record({
  tenant: pick(tenants),
  user: pick(users),
  groups: fc.subarray([...groups]),
  actors: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray([...agents]) }),
});

const tokens: readonly AccessToken[] = [...users, ...groups, "everyone"];

/** A document with any access list and labels. Mostly granted to everyone, so that the policy decides. */
export const documents: fc.Arbitrary<AccessSubject> = fc.record({
  tenant: pick(tenants),
  source: pick([...sources, "s2"]),
  access: fc.record({
    grants: fc.oneof({ weight: 2, arbitrary: fc.constant<AccessToken[]>(["everyone"]) }, fc.subarray([...tokens])),
    denies: fc.oneof(
      { weight: 3, arbitrary: fc.constant<AccessToken[]>([]) },
      fc.subarray([...tokens], { maxLength: 2 }),
    ),
    labels: fc.subarray([...labels]),
  }),
});

/** Everything but reading that can be asked, with objects that no rule names among them. */
export const deeds: readonly (readonly [Exclude<Action, "read" | "act">, PolicyObject])[] = [
  ["write", "source:s0"],
  ["write", "source:s1"],
  ["share", "source:s0"],
  ["admin", "tenant"],
  ["explain", "tenant"],
];
