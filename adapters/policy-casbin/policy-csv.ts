import { type PrincipalKind, parsePrincipal } from "#core/access/principal.ts";
import type { PolicyRule, RoleEdge } from "#core/access/rule-table.ts";
import { labelPattern, limits, sourcePattern, tenantPattern } from "#core/limits.ts";
import type { Action, PolicyObject, PolicyProblem } from "#core/ports/policy.ts";
import { type Report, reporter } from "./problem.ts";
import type { TextFile } from "./text-file.ts";

/** Something that stands on a line of policy.csv (1-based). */
export type Placed<T> = T & { readonly line: number };

/** The rules that were readable; only a file without problems is ever used. */
export interface ParsedPolicy {
  readonly rules: readonly Placed<PolicyRule>[];
  readonly edges: readonly Placed<RoleEdge>[];
}

/** Kinds of object that an action can be about. Labels only take a deny of `read`. */
const objectKinds: Readonly<Record<Action, readonly string[]>> = {
  read: ["source", "label"],
  write: ["source"],
  share: ["source"],
  explain: ["tenant"],
  admin: ["tenant"],
  act: ["group"],
};
const isAction = (text: string): text is Action => Object.hasOwn(objectKinds, text);

/** Which member may have which parent. */
const edgeKinds: Readonly<Record<PrincipalKind, readonly PrincipalKind[]>> = {
  user: ["group", "role"],
  group: ["group", "role"],
  role: ["role"],
  agent: ["role"],
};
const allKinds: readonly PrincipalKind[] = ["user", "group", "agent", "role"];

/** Reads policy.csv, reporting everything that Casbin's own loader would silently lose or bend. */
export function parsePolicy(text: TextFile, problems: PolicyProblem[]): ParsedPolicy {
  const report = reporter(text.file, problems);
  const rules: Placed<PolicyRule>[] = [];
  const edges: Placed<RoleEdge>[] = [];
  const seen = new Map<string, number>();
  for (const [index, raw] of text.lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const values = split(content, line, report);
    if (values === undefined) continue;
    const first = seen.get(values.join(","));
    if (first !== undefined) {
      report(line, "duplicate-rule", `the same rule stands on line ${first}`);
      continue;
    }
    seen.set(values.join(","), line);
    if (seen.size > limits.policyRules) {
      report(line, "too-many-rules", `policyRules: at most ${limits.policyRules} rules`);
      break;
    }
    if (values[0] === "p") {
      const rule = ruleOf(values, line, report);
      if (rule !== undefined) rules.push({ ...rule, line });
    } else {
      const edge = edgeOf(values, line, report);
      if (edge !== undefined) edges.push({ ...edge, line });
    }
  }
  return { rules, edges };
}

function split(content: string, line: number, report: Report): readonly string[] | undefined {
  if (content.includes("#")) {
    report(line, "comment-after-rule", "a comment needs a line of its own; a name cannot hold #");
    return undefined;
  }
  if (content.includes('"')) {
    report(line, "quoted-value", "values are written without quotes");
    return undefined;
  }
  if (/[^\P{Z} ]/u.test(content)) {
    report(line, "unusual-space", "only plain spaces may stand in a rule");
    return undefined;
  }
  const values = content.split(",").map((value) => value.trim());
  // Casbin joins columns while a bracket is open.
  if (values.some((value) => value.split("(").length !== value.split(")").length)) {
    report(line, "unbalanced-bracket", "a value with an open bracket swallows the next column");
    return undefined;
  }
  const kind = values[0];
  if (kind !== "p" && kind !== "g") {
    report(line, "unknown-rule-kind", `a rule starts with p or g, not ${kind}`);
    return undefined;
  }
  const expected = kind === "p" ? 6 : 4;
  if (kind === "g" && values.length === 3) {
    report(line, "two-column-g", "g needs three columns: member, parent, tenant");
  } else if (values.length < expected) {
    report(line, "missing-column", `${kind} needs ${expected - 1} columns, this has ${values.length - 1}`);
  } else if (values.length > expected) {
    report(line, "extra-column", `${kind} needs ${expected - 1} columns, this has ${values.length - 1}`);
  } else if (values.includes("")) {
    report(line, "empty-value", "a column is empty");
  } else return values;
  return undefined;
}

function principalOf(text: string, kinds: readonly PrincipalKind[], line: number, report: Report) {
  const principal = parsePrincipal(text, kinds);
  if (principal !== undefined) return principal;
  report(line, "untyped-principal", `${text} must be ${kinds.map((kind) => `${kind}:…`).join(" or ")}`);
  return undefined;
}

function tenantOf(text: string, line: number, report: Report): string | undefined {
  if (tenantPattern.test(text)) return text;
  report(line, "invalid-tenant", `${text} is not a tenant's name`);
  return undefined;
}

function objectOf(text: string): { readonly kind: string; readonly object: PolicyObject } | undefined {
  if (text === "tenant") return { kind: "tenant", object: "tenant" };
  const name = text.slice(text.indexOf(":") + 1);
  if (text.startsWith("source:") && sourcePattern.test(name)) return { kind: "source", object: `source:${name}` };
  if (text.startsWith("label:") && labelPattern.test(name)) return { kind: "label", object: `label:${name}` };
  if (parsePrincipal(text, ["group"]) !== undefined) return { kind: "group", object: `group:${name}` };
  return undefined;
}

function ruleOf(values: readonly string[], line: number, report: Report): PolicyRule | undefined {
  const [, subjectText = "", tenantText = "", objectText = "", action = "", effect = ""] = values;
  const subject = principalOf(subjectText, action === "act" ? ["agent", "role"] : allKinds, line, report);
  const tenant = tenantOf(tenantText, line, report);
  const found = objectOf(objectText);
  if (found === undefined) {
    report(line, "unknown-object", `${objectText} must be source:…, label:…, group:… or tenant`);
  }
  if (!isAction(action)) {
    report(line, "unknown-action", `${action} is none of ${Object.keys(objectKinds).join(", ")}`);
    return undefined;
  }
  if (effect !== "allow" && effect !== "deny") {
    report(line, "unknown-effect", `${effect} must be allow or deny`);
    return undefined;
  }
  if (subject === undefined || tenant === undefined || found === undefined) return undefined;
  if (found.kind === "label" && effect === "allow") {
    report(line, "allow-on-label", "a label can only be denied: reading is allowed by source");
    return undefined;
  }
  if (!objectKinds[action].includes(found.kind)) {
    report(line, "object-not-for-action", `${action} is about ${objectKinds[action].join(" or ")}, not ${objectText}`);
    return undefined;
  }
  return { subject, tenant, object: found.object, action, effect };
}

function edgeOf(values: readonly string[], line: number, report: Report): RoleEdge | undefined {
  const [, memberText = "", parentText = "", tenantText = ""] = values;
  const member = principalOf(memberText, allKinds, line, report);
  const parent = principalOf(parentText, allKinds, line, report);
  const tenant = tenantOf(tenantText, line, report);
  if (member === undefined || parent === undefined || tenant === undefined) return undefined;
  const memberKind = allKinds.find((kind) => member.startsWith(`${kind}:`));
  const parentKind = allKinds.find((kind) => parent.startsWith(`${kind}:`));
  if (memberKind === undefined || parentKind === undefined || !edgeKinds[memberKind].includes(parentKind)) {
    report(line, "edge-not-allowed", `a ${memberKind} cannot be a member of a ${parentKind}`);
    return undefined;
  }
  return { member, parent, tenant };
}
