import { z } from "zod";
import { type Caller, principalName } from "#core/access/principal.ts";
import { labelPattern, limits, sourcePattern, tenantPattern } from "#core/limits.ts";
import type { Action, PolicyObject, PolicyProblem } from "#core/ports/policy.ts";
import type { TextFile } from "./text-file.ts";
import { readYaml } from "./yaml-file.ts";

/** A class of documents as a policy test names it. */
export interface ReadTarget {
  readonly source: string;
  readonly labels: readonly string[];
}

/** What a policy test asks. `act` asks whether the caller's agents may act for the user at all. */
export type Question =
  | { readonly kind: "read"; readonly target: ReadTarget }
  | { readonly kind: "may"; readonly action: Exclude<Action, "read" | "act">; readonly object: PolicyObject }
  | { readonly kind: "act" };

/** One expectation of the policy's own tests. */
export interface Expectation {
  readonly file: string;
  readonly line: number;
  readonly test: string;
  readonly caller: Caller;
  readonly question: Question;
  readonly expected: boolean;
}

// `carol`, not `user:carol`: typed twice it would name nobody, and every "may not" would hold for the wrong reason.
const principal = z
  .string()
  .max(limits.principalChars)
  .refine((text) => principalName(text) === text, "not a principal's name")
  .refine((text) => !/^(?:user|group|agent|role):/u.test(text), "the name alone, without its kind");

const source = z.string().regex(sourcePattern, "not a source's name");
const target = z.union([
  source.transform((text): ReadTarget => ({ source: text, labels: [] })),
  z.strictObject({ source, labels: z.array(z.string().regex(labelPattern)).default([]) }),
]);
const deed = z.union([
  z
    .string()
    .regex(/^(?:write|share) source:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u)
    .transform((text): Question => {
      const object: PolicyObject = `source:${text.slice(text.indexOf(":") + 1)}`;
      return { kind: "may", action: text.startsWith("write") ? "write" : "share", object };
    }),
  z
    .enum(["explain tenant", "admin tenant"])
    .transform(
      (text): Question => ({ kind: "may", action: text === "admin tenant" ? "admin" : "explain", object: "tenant" }),
    ),
]);

const testsSchema = z.strictObject({
  tests: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        caller: z.strictObject({
          tenant: z.string().regex(tenantPattern, "not a tenant's name"),
          user: principal,
          groups: z.array(principal).max(limits.tokenGroups).default([]),
          agents: z.array(principal).max(limits.actors).default([]),
        }),
        may_read: z.array(target).default([]),
        may_not_read: z.array(target).default([]),
        may: z.array(deed).default([]),
        may_not: z.array(deed).default([]),
        agents_may_act: z.boolean().optional(),
      }),
    )
    .max(limits.policyTests),
});

/** Reads one file of tests/; every listed expectation becomes one entry, with the line that it stands on. */
export function parseTests(text: TextFile, problems: PolicyProblem[]): readonly Expectation[] {
  const file = readYaml(text, testsSchema, problems);
  if (file === undefined) return [];
  return file.value.tests.flatMap((test, index) => {
    const { tenant, user, groups, agents } = test.caller;
    const caller: Caller = {
      tenant,
      user: `user:${user}`,
      groups: groups.map((group) => `group:${group}` as const),
      actors: agents.map((agent) => `agent:${agent}` as const),
    };
    const expect = (key: string, place: readonly number[], question: Question, expected: boolean): Expectation => {
      const line = file.lineOf(["tests", index, key, ...place]);
      return { file: text.file, line, test: test.name, caller, question, expected };
    };
    const read = (found: ReadTarget): Question => ({ kind: "read", target: found });
    const act = test.agents_may_act;
    return [
      ...test.may_read.map((found, place) => expect("may_read", [place], read(found), true)),
      ...test.may_not_read.map((found, place) => expect("may_not_read", [place], read(found), false)),
      ...test.may.map((question, place) => expect("may", [place], question, true)),
      ...test.may_not.map((question, place) => expect("may_not", [place], question, false)),
      ...(act === undefined ? [] : [expect("agents_may_act", [], { kind: "act" }, act)]),
    ];
  });
}
