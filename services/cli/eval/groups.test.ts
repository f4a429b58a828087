import { expect, test } from "vitest";
import { effectiveGroups } from "./groups.ts";

const group = (id: string, members: string[], memberGroups: string[] = []) => ({ id, members, memberGroups });

test("a member of a member group is a member of the outer group, at every depth", () => {
  const groups = [group("all", [], ["staff"]), group("staff", [], ["finance"]), group("finance", ["ann"])];
  expect(effectiveGroups("ann", groups)).toEqual(["all", "finance", "staff"]);
});

test("being in the outer group does not make one a member of the inner one", () => {
  const groups = [group("staff", ["bob"], ["finance"]), group("finance", ["ann"])];
  expect(effectiveGroups("bob", groups)).toEqual(["staff"]);
});

test("the groups of a cycle have the same members, and the closure ends", () => {
  const groups = [
    group("cloud", ["ann"], ["oncall"]),
    group("oncall", ["bob"], ["cloud"]),
    group("ops", [], ["cloud"]),
  ];
  expect(effectiveGroups("ann", groups)).toEqual(["cloud", "oncall", "ops"]);
  expect(effectiveGroups("bob", groups)).toEqual(["cloud", "oncall", "ops"]);
});

test("a group that contains itself, or an unknown group, does no harm", () => {
  expect(effectiveGroups("ann", [group("self", ["ann"], ["self", "ghost"])])).toEqual(["self"]);
  expect(effectiveGroups("nobody", [group("self", ["ann"], ["self"])])).toEqual([]);
});
