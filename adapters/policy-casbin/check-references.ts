import type { PolicyProblem } from "#core/ports/policy.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import type { ParsedPolicy } from "./policy-csv.ts";
import { reporter } from "./problem.ts";

/**
 * Finds names in the rules that lead nowhere: a misspelt one in a deny, or in a role that carries a deny, would deny nobody.
 * Groups and users come from tokens and cannot be checked; the policy's tests are for them.
 */
export function checkReferences(
  file: string,
  policy: ParsedPolicy,
  labels: ReadonlySet<string>,
  trust: TrustPolicy,
  problems: PolicyProblem[],
): void {
  const report = reporter(file, problems);
  for (const { object, line } of policy.rules) {
    const name = object.slice(object.indexOf(":") + 1);
    if (object.startsWith("source:") && !trust.sources.has(name)) {
      report(line, "undeclared-source", `${name} is not a source of trust.yaml`);
    }
    if (object.startsWith("label:") && !labels.has(name)) {
      report(line, "undeclared-label", `${name} is not a label of labels.yaml`);
    }
  }

  const living = new Set(policy.rules.filter((rule) => rule.effect === "allow").map((rule) => rule.tenant));
  const given = new Set(policy.edges.map((edge) => `${edge.tenant} ${edge.parent}`));
  const useful = new Set([
    ...policy.rules.map((rule) => `${rule.tenant} ${rule.subject}`),
    ...policy.edges.map((edge) => `${edge.tenant} ${edge.member}`),
  ]);
  const named = [
    ...policy.rules.map(({ tenant, subject, line }) => ({ tenant, principal: subject, line })),
    ...policy.edges.map(({ tenant, member, line }) => ({ tenant, principal: member, line })),
  ];
  for (const { tenant, principal, line } of named) {
    if (!living.has(tenant)) {
      report(line, "tenant-without-allow", `no rule allows anything in ${tenant}: is the tenant misspelt?`);
    } else if (principal.startsWith("role:") && !given.has(`${tenant} ${principal}`)) {
      report(line, "role-without-member", `no g line gives ${principal} to anybody in ${tenant}`);
    }
  }
  for (const { tenant, parent, line } of policy.edges) {
    if (living.has(tenant) && parent.startsWith("role:") && !useful.has(`${tenant} ${parent}`)) {
      report(line, "role-without-rule", `no rule speaks of ${parent} in ${tenant}`);
    }
  }
}
