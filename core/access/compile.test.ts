import { expect, test } from "vitest";
import { AppError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Action, PolicyObject } from "../ports/policy.ts";
import { compileVisibility, mayDo, principalsOf } from "./compile.ts";
import type { Caller, Principal } from "./principal.ts";
import { type Effect, type PolicyRule, type RoleEdge, ruleTable } from "./rule-table.ts";

const rule = (subject: Principal, action: Action, object: PolicyObject, effect: Effect = "allow"): PolicyRule => ({
  subject,
  tenant: "acme",
  object,
  action,
  effect,
});
const edge = (member: Principal, parent: Principal, tenant = "acme"): RoleEdge => ({ member, parent, tenant });
const caller = (groups: readonly `group:${string}`[], actors: readonly `agent:${string}`[] = []): Caller => ({
  tenant: "acme",
  user: "user:ann",
  groups,
  actors,
});
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.code : "not an AppError";
  }
};

const everyday = ruleTable(
  [
    rule("role:reader", "read", "source:handbook"),
    rule("group:staff", "read", "source:wiki"),
    rule("group:guests", "read", "source:wiki", "deny"),
    rule("group:guests", "read", "label:secret", "deny"),
    rule("agent:bot", "act", "group:staff"),
    rule("role:bots", "read", "source:wiki"),
    rule("role:bots", "read", "label:pay", "deny"),
    rule("agent:bot", "act", "group:guests", "deny"),
    rule("user:ann", "write", "source:wiki"),
    rule("role:bots", "write", "source:handbook"),
  ],
  [edge("group:staff", "role:reader"), edge("agent:bot", "role:bots"), edge("user:eve", "group:staff")],
  ["secret", "pay"],
);

test("the filter holds the sources of all principals, the user, the groups and everyone", () => {
  expect(compileVisibility(everyday, caller(["group:staff"]))).toEqual({
    kind: "some",
    tenant: "acme",
    sources: ["handbook", "wiki"],
    deniedLabels: [],
    knownLabels: ["pay", "secret"],
    tokens: ["everyone", "group:staff", "user:ann"],
  });
});

test("a deny on one of the caller's principals outweighs an allow on another, for sources and labels", () => {
  expect(compileVisibility(everyday, caller(["group:staff", "group:guests"]))).toMatchObject({
    sources: ["handbook"],
    deniedLabels: ["secret"],
  });
});

test("without a readable source the filter is nothing, also in a tenant that the policy does not know", () => {
  expect(compileVisibility(everyday, caller([]))).toEqual({ kind: "nothing" });
  expect(compileVisibility(everyday, { ...caller(["group:staff"]), tenant: "other" })).toEqual({ kind: "nothing" });
});

test("groups that the policy adds count as access tokens, roles do not", () => {
  const filter = compileVisibility(everyday, { ...caller([]), user: "user:eve" });
  expect(filter).toMatchObject({ tokens: ["everyone", "group:staff", "user:eve"] });
  expect(principalsOf(everyday, { ...caller([]), user: "user:eve" })).toEqual([
    "group:staff",
    "role:reader",
    "user:eve",
  ]);
});

test("an agent narrows sources to its own and adds its denied labels", () => {
  expect(compileVisibility(everyday, caller(["group:staff"], ["agent:bot"]))).toMatchObject({
    sources: ["wiki"],
    deniedLabels: ["pay"],
  });
});

test("an agent that may not act for any group of the user, or is denied one, is refused", () => {
  expect(codeOf(() => compileVisibility(everyday, caller([], ["agent:bot"])))).toBe("agent-not-allowed");
  const both = caller(["group:staff", "group:guests"], ["agent:bot"]);
  expect(codeOf(() => compileVisibility(everyday, both))).toBe("agent-not-allowed");
  expect(codeOf(() => compileVisibility(everyday, caller(["group:staff"], ["agent:other"])))).toBe("agent-not-allowed");
  const chain = caller(["group:staff"], ["agent:bot", "agent:other"]);
  expect(codeOf(() => compileVisibility(everyday, chain))).toBe("agent-not-allowed");
});

test("an action needs an allow for the user and for every agent in between", () => {
  expect(mayDo(everyday, caller(["group:staff"]), "write", "source:wiki")).toBe(true);
  expect(mayDo(everyday, caller(["group:staff"]), "write", "source:handbook")).toBe(false);
  expect(mayDo(everyday, caller(["group:staff"], ["agent:bot"]), "write", "source:wiki")).toBe(false);
  expect(mayDo(everyday, caller([], ["agent:bot"]), "write", "source:wiki")).toBe(false);
});

test("a cycle in a table that was never linted ends, and too many levels or principals are an explicit error", () => {
  const cycle = ruleTable([], [edge("role:a", "role:b"), edge("role:b", "role:a"), edge("user:ann", "role:a")], []);
  expect(principalsOf(cycle, caller([]))).toEqual(["role:a", "role:b", "user:ann"]);

  const chain = (length: number) =>
    ruleTable(
      [],
      Array.from({ length }, (_, index) => edge(index === 0 ? "user:ann" : `role:r${index}`, `role:r${index + 1}`)),
      [],
    );
  expect(principalsOf(chain(limits.roleDepth), caller([]))).toHaveLength(limits.roleDepth + 1);
  expect(codeOf(() => principalsOf(chain(limits.roleDepth + 1), caller([])))).toBe("limit-exceeded");

  const wide = Array.from({ length: limits.principals }, (_, index) => edge("user:ann", `role:r${index}`));
  expect(codeOf(() => principalsOf(ruleTable([], wide, []), caller([])))).toBe("limit-exceeded");
  const agents = Array.from({ length: limits.actors + 1 }, () => "agent:bot" as const);
  expect(codeOf(() => compileVisibility(everyday, caller(["group:staff"], agents)))).toBe("limit-exceeded");
});

test("edges and rules of another tenant have no effect", () => {
  const table = ruleTable([rule("role:reader", "read", "source:wiki")], [edge("user:ann", "role:reader", "other")], []);
  expect(compileVisibility(table, caller([]))).toEqual({ kind: "nothing" });
});
