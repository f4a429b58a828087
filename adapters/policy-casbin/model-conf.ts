import type { PolicyProblem } from "#core/ports/policy.ts";
import { type Report, reporter } from "./problem.ts";
import type { TextFile } from "./text-file.ts";

// What the compiler expresses, and therefore the only model that is accepted. Names and order of the conjuncts are free.
const fields = { r: ["sub", "dom", "obj", "act"], p: ["sub", "dom", "obj", "act", "eft"] } as const;
const effects: Readonly<Record<string, string>> = {
  e: "some(where(p.eft==allow))&&!some(where(p.eft==deny))",
  e2: "!some(where(p.eft==deny))",
};
const requiredConjuncts = ["g(r.sub,p.sub,r.dom)", "p.dom==r.dom", "p.obj==r.obj", "p.act==r.act"] as const;

const sections: Readonly<Record<string, readonly string[]>> = {
  request_definition: ["r"],
  policy_definition: ["p"],
  role_definition: ["g"],
  policy_effect: ["e", "e2"],
  matchers: ["m"],
};

interface Definition {
  readonly line: number;
  readonly value: string;
}

/**
 * Checks model.conf: known sections and definitions only, each exactly once; deny-override; a matcher that is a conjunction of
 * `==` and `g` over declared identifiers and says exactly what the compiler compiles.
 */
export function checkModel(text: TextFile, problems: PolicyProblem[]): void {
  const report = reporter(text.file, problems);
  const definitions = parse(text, report);
  for (const [section, names] of Object.entries(sections)) {
    for (const name of names) {
      if (!definitions.has(name)) report(0, "missing-definition", `[${section}] must define ${name}`);
    }
  }
  for (const name of ["r", "p"] as const) checkFields(name, definitions.get(name), report);
  checkRoles(definitions.get("g"), report);
  for (const [name, expected] of Object.entries(effects)) {
    const found = definitions.get(name);
    if (found !== undefined && found.value.replace(/\s+/gu, "") !== expected) {
      report(found.line, "unsupported-effect", `${name} must be the deny-override effect ${expected}`);
    }
  }
  checkMatcher(definitions.get("m"), report);
}

function parse(text: TextFile, report: Report): ReadonlyMap<string, Definition> {
  const definitions = new Map<string, Definition>();
  const seen = new Set<string>();
  let section: string | undefined;
  for (const [index, raw] of text.lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    if (/[#;]/u.test(content)) {
      report(line, "comment-after-definition", "a comment needs a line of its own and starts with #");
      continue;
    }
    const header = /^\[(.*)\]$/u.exec(content)?.[1];
    if (header !== undefined) {
      section = header;
      if (!Object.hasOwn(sections, header)) report(line, "unknown-section", `unknown section [${header}]`);
      if (seen.has(header)) report(line, "duplicate-section", `section [${header}] appears twice`);
      seen.add(header);
      continue;
    }
    const definition = /^(\w+)\s*=\s*(\S.*)$/u.exec(content);
    const [, name, value] = definition ?? [];
    if (name === undefined || value === undefined || value.endsWith("\\")) {
      report(line, "malformed-line", "expected `name = definition` on one line");
    } else if (section === undefined || !Object.hasOwn(sections, section) || !sections[section]?.includes(name)) {
      report(line, "unknown-definition", `${name} is not a definition of [${section ?? ""}]`);
    } else if (definitions.has(name)) {
      report(line, "duplicate-definition", `${name} is defined twice`);
    } else {
      definitions.set(name, { line, value });
    }
  }
  return definitions;
}

function checkFields(name: "r" | "p", found: Definition | undefined, report: Report): void {
  if (found === undefined) return;
  const expected = fields[name].join(", ");
  if (found.value.replace(/\s+/gu, "") !== fields[name].join(",")) {
    report(found.line, "unsupported-definition", `${name} must be: ${expected}`);
  }
}

function checkRoles(found: Definition | undefined, report: Report): void {
  if (found === undefined) return;
  const value = found.value.replace(/\s+/gu, "");
  if (value === "_,_") report(found.line, "two-column-g", "g needs three columns: member, parent, tenant");
  else if (value !== "_,_,_") report(found.line, "unsupported-definition", "g must be: _, _, _");
}

function checkMatcher(found: Definition | undefined, report: Report): void {
  if (found === undefined) return;
  const conjuncts: string[] = [];
  for (const part of found.value.split("&&")) {
    const compact = part.trim().replace(/\s*([(),]|==)\s*/gu, "$1");
    const equality = /^(\w+\.\w+)==(\w+\.\w+)$/u.exec(compact);
    const role = /^g\((\w+\.\w+),(\w+\.\w+),(\w+\.\w+)\)$/u.exec(compact);
    const names = (equality ?? role)?.slice(1);
    if (names === undefined) {
      report(found.line, "unsupported-matcher", `only == and g(…), joined by &&, can be compiled: ${part.trim()}`);
      return;
    }
    const undeclared = names.filter((name) => !isDeclared(name));
    if (undeclared.length > 0) {
      report(found.line, "undeclared-identifier", `the matcher uses ${undeclared.join(", ")}, which nothing declares`);
      return;
    }
    conjuncts.push(equality === null ? compact : names.toSorted().join("=="));
  }
  const missing = requiredConjuncts.filter((conjunct) => !conjuncts.includes(conjunct));
  if (missing.length > 0 || conjuncts.length !== requiredConjuncts.length) {
    const wanted = requiredConjuncts.join(" && ");
    report(found.line, "unsupported-matcher", `the compiler expresses exactly: ${wanted}`);
  }
}

function isDeclared(name: string): boolean {
  const [kind, field] = name.split(".");
  const known: readonly string[] = kind === "r" || kind === "p" ? fields[kind] : [];
  return field !== undefined && known.includes(field);
}
