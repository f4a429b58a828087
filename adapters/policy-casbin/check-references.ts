import type { PolicyProblem } from "#core/ports/policy.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import type { Vocabulary } from "./labels-yaml.ts";
import type { ParsedPolicy } from "./policy-csv.ts";
import { type Report, reporter } from "./problem.ts";

/**
 * Finds names in the rules that lead nowhere, because a misspelt name in a deny denies nobody: undeclared sources, labels and
 * tenants, and denying roles that nobody has. Groups and users come from tokens and cannot be checked; the policy's own tests
 * are for them. An allow that leads nowhere is no problem: it opens nothing, and taking rules out in a hurry must stay possible.
 */
export function checkReferences(
  file: string,
  policy: ParsedPolicy,
  { labels, tenants }: Vocabulary,
  trust: TrustPolicy,
  problems: PolicyProblem[],
): void {
  const before = problems.length;
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
  for (const { tenant, line } of tenants === undefined ? [] : [...policy.rules, ...policy.edges]) {
    if (!tenants?.has(tenant)) report(line, "undeclared-tenant", `${tenant} is not a tenant of labels.yaml`);
  }
  if (problems.length === before) checkDenyingRoles(policy, report);
}

/** Walks down from every role that is denied something: a role without members on the way loses that deny. */
function checkDenyingRoles(policy: ParsedPolicy, report: Report): void {
  const key = (tenant: string, principal: string): string => `${tenant} ${principal}`;
  const members = Map.groupBy(policy.edges, (edge) => key(edge.tenant, edge.parent));
  const seen = new Set<string>();
  const waiting = policy.rules
    .filter((rule) => rule.effect === "deny")
    .map(({ tenant, subject, line }) => ({ tenant, principal: subject, line }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { tenant, principal, line } = next;
    if (!principal.startsWith("role:") || seen.has(key(tenant, principal))) continue;
    seen.add(key(tenant, principal));
    const down = members.get(key(tenant, principal)) ?? [];
    if (down.length === 0) {
      report(
        line,
        "role-without-member",
        `${principal} is denied something in ${tenant}, and no g line gives it to anybody`,
      );
    }
    for (const edge of down) waiting.push({ tenant, principal: edge.member, line: edge.line });
  }
}
