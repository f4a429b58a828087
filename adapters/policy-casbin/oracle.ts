import { EnforceContext, type Enforcer, newEnforcer, newModelFromString, StringAdapter } from "casbin";
import type { Caller, Principal } from "#core/access/principal.ts";
import type { Action, PolicyObject } from "#core/ports/policy.ts";

/** What the oracle looks at in a document. The access list is not the policy's business. */
export interface OracleDocument {
  readonly tenant: string;
  readonly source: string;
  readonly labels: readonly string[];
}

/**
 * The policy as Casbin itself answers it, by `enforce()` alone: the measure for what the compiler makes of the same files.
 * Linear in rules, so it is asked while a policy is loaded and in tests, never per request.
 */
export interface Oracle {
  /** Whether every agent of the caller may act for the user. */
  mayAct(caller: Caller): Promise<boolean>;
  /** Whether the policy lets the caller, and every agent in between, read a document of this class. */
  mayRead(caller: Caller, document: OracleDocument): Promise<boolean>;
  /** Whether the policy lets the caller, and every agent in between, do something. */
  may(caller: Caller, action: Action, object: PolicyObject): Promise<boolean>;
  /** Every `p` and `g` line as Casbin understood it, to be compared with what the project's own parser read. */
  lines(): Promise<{ readonly p: readonly (readonly string[])[]; readonly g: readonly (readonly string[])[] }>;
}

// The first context asks "allowed and not denied", the second "not denied", for labels, which are never allowed.
const allowed = new EnforceContext("r", "p", "e", "m");
const notDenied = new EnforceContext("r", "p", "e2", "m");

/** Builds a fresh enforcer from the text of model.conf and policy.csv. */
export async function openOracle(modelText: string, policyText: string): Promise<Oracle> {
  // An empty text is refused by the adapter, a comment is not.
  const enforcer: Enforcer = await newEnforcer(newModelFromString(modelText), new StringAdapter(policyText || "#"));
  const subjects = new Map<string, Promise<string>>();

  // One subject linked to all principals: asked one by one and or-ed, a deny on one group would be lost.
  // Its name cannot stand in a policy, where # begins a comment.
  const subjectOf = (tenant: string, principals: readonly Principal[]): Promise<string> => {
    const key = JSON.stringify([tenant, principals]);
    let subject = subjects.get(key);
    if (subject === undefined) {
      subject = link(`#${subjects.size}`, tenant, principals);
      subjects.set(key, subject);
    }
    return subject;
  };
  const link = async (name: string, tenant: string, principals: readonly Principal[]): Promise<string> => {
    for (const principal of principals) await enforcer.getRoleManager().addLink(name, principal, tenant);
    return name;
  };
  const userOf = (caller: Caller) => subjectOf(caller.tenant, [caller.user, ...caller.groups]);
  const chainOf = async (caller: Caller): Promise<readonly string[]> => [
    await userOf(caller),
    ...(await Promise.all(caller.actors.map((actor) => subjectOf(caller.tenant, [actor])))),
  ];

  const ask = (context: EnforceContext, subject: string, tenant: string, object: string, action: string): boolean =>
    enforcer.enforceSync(context, subject, tenant, object, action);

  const mayAct = async (caller: Caller): Promise<boolean> => {
    const roles = await enforcer.getImplicitRolesForUser(await userOf(caller), caller.tenant);
    const groups = roles.filter((role) => role.startsWith("group:"));
    for (const actor of caller.actors) {
      const agent = await subjectOf(caller.tenant, [actor]);
      if (!groups.some((group) => ask(allowed, agent, caller.tenant, group, "act"))) return false;
      if (!groups.every((group) => ask(notDenied, agent, caller.tenant, group, "act"))) return false;
    }
    return true;
  };

  return {
    mayAct,
    mayRead: async (caller, { tenant, source, labels }) => {
      if (!(await mayAct(caller))) return false;
      return (await chainOf(caller)).every(
        (subject) =>
          ask(allowed, subject, tenant, `source:${source}`, "read") &&
          labels.every((label) => ask(notDenied, subject, tenant, `label:${label}`, "read")),
      );
    },
    may: async (caller, action, object) => {
      if (!(await mayAct(caller))) return false;
      return (await chainOf(caller)).every((subject) => ask(allowed, subject, caller.tenant, object, action));
    },
    lines: async () => ({ p: await enforcer.getPolicy(), g: await enforcer.getGroupingPolicy() }),
  };
}
