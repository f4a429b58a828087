import { expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import { grantTo } from "#test/kit/documents.ts";
import { AccessClasses } from "./access-classes.ts";

test("equal accesses are one class, asked once", () => {
  const classes = new AccessClasses();
  const first = classes.take(grantTo("group:a"));
  expect(classes.take(grantTo("group:a"))).toBe(first);
  const other = classes.take(nobody);
  expect(other).not.toBe(first);
  let asked = 0;
  const answers = classes.ask((access) => {
    asked += 1;
    return access.grants.length > 0;
  });
  expect([asked, answers[first], answers[other]]).toEqual([2, 1, 0]);
});

test("a class is forgotten with its last user, and its number never answers for it again", () => {
  const classes = new AccessClasses();
  const open = classes.take(grantTo("everyone"));
  classes.take(grantTo("everyone"));
  classes.release(open);
  expect(classes.size).toBe(1);
  classes.release(open);
  expect(classes.size).toBe(0);
  expect(classes.ask(() => true)[open]).toBe(0);
  expect(() => classes.release(open)).toThrow("not in use");
  expect(classes.take(nobody)).toBe(open);
  expect(classes.ask((access) => access.grants.length > 0)[open]).toBe(0);
});
