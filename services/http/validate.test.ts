import { expect, test } from "vitest";
import { z } from "zod";
import { aclSchema } from "#core/access/acl.ts";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { retrieveRequestSchema } from "#core/retrieval/request.ts";
import { noQuery, parseBody, parseQuery } from "./validate.ts";

function refusal(run: () => unknown): object {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.details };
    throw error;
  }
  return { code: "accepted" };
}

const schema = z.strictObject({
  name: z.string().max(5),
  "a/b~c": z.int().max(3).optional(),
  role: z.string().optional(),
  list: z
    .array(z.union([z.string().max(2), z.strictObject({ id: z.string().max(2) })]))
    .max(3)
    .optional(),
});

test("a wrong shape is told with a JSON pointer", () => {
  expect(parseBody(schema, { name: "x" })).toEqual({ name: "x" });
  expect(refusal(() => parseBody(schema, { name: 7 }))).toMatchObject({ code: "invalid-request", pointer: "/name" });
  expect(refusal(() => parseBody(schema, { name: "x", "a/b~c": "1" }))).toMatchObject({ pointer: "/a~1b~0c" });
  expect(refusal(() => parseBody(schema, { name: "x", extra: 1 }))).toMatchObject({
    code: "invalid-request",
    pointer: "",
  });
  expect(refusal(() => parseBody(schema, { name: "x", list: [{ id: 1 }] }))).toMatchObject({ code: "invalid-request" });
  for (const body of [undefined, null, [], "x", 7]) {
    expect([String(body), refusal(() => parseBody(schema, body))]).toMatchObject([
      String(body),
      { code: "invalid-request" },
    ]);
  }
});

test("an exceeded limit names the field and the maximum, before any other mistake", () => {
  const limit = { name: "name", max: 5 };
  expect(refusal(() => parseBody(schema, { name: "abcdef", list: 7 }))).toMatchObject({
    code: "limit-exceeded",
    detail: "name: at most 5 characters",
    limit,
    pointer: "/name",
  });
  expect(refusal(() => parseBody(schema, { name: "x", list: ["a", "b", "c", "d"] }))).toMatchObject({
    code: "limit-exceeded",
    limit: { name: "list", max: 3 },
  });
  expect(refusal(() => parseBody(schema, { name: "x", list: ["a", { id: "long" }] }))).toMatchObject({
    code: "limit-exceeded",
    limit: { name: "list.id", max: 2 },
    pointer: "/list/1/id",
  });
});

test("who is asking cannot be said in a body or a query string, however it is spelt", () => {
  const names = [
    "user",
    "user_id",
    "userId",
    "User-ID",
    "principal",
    "principals",
    "tenant",
    "tenant_id",
    "groups",
    "group",
  ];
  const more = [
    "roles",
    "sub",
    "act",
    "actor",
    "agent",
    "on_behalf_of",
    "acting_as",
    "identity",
    "subject",
    "caller",
    "claims",
  ];
  for (const name of [...names, ...more]) {
    expect([name, refusal(() => parseBody(schema, { name: "x", [name]: "bob" }))]).toMatchObject([
      name,
      {
        code: "identity-in-request",
        pointer: `/${name}`,
      },
    ]);
    expect([name, refusal(() => parseQuery(noQuery, { [name]: "bob" }))]).toMatchObject([
      name,
      {
        code: "identity-in-request",
        pointer: `?${name}`,
      },
    ]);
    expect([name, refusal(() => parseBody(retrieveRequestSchema, { query: "q", [name]: "bob" }))]).toMatchObject([
      name,
      {
        code: "identity-in-request",
      },
    ]);
  }
  expect(parseBody(schema, { name: "x", role: "declared by the schema" }).role).toBe("declared by the schema");
});

test("a missing access list and one with 1,001 entries have codes of their own", () => {
  const withAcl = z.strictObject({ acl: aclSchema });
  const entry = { access_type: "grant", type: "user", value: "x" };
  for (const acl of [undefined, null]) {
    expect(refusal(() => parseBody(withAcl, { acl }))).toEqual({ code: "acl-required", pointer: "/acl" });
  }
  expect(
    refusal(() => parseBody(withAcl, { acl: Array.from({ length: limits.aclEntries + 1 }, () => entry) })),
  ).toEqual({
    code: "acl-too-large",
    detail: "acl: at most 1000 entries",
    limit: { name: "acl", max: 1000 },
    pointer: "/acl",
  });
  expect(parseBody(withAcl, { acl: Array.from({ length: limits.aclEntries }, () => entry) }).acl).toHaveLength(
    limits.aclEntries,
  );
  expect(refusal(() => parseBody(withAcl, { acl: "everyone" }))).toMatchObject({ code: "invalid-request" });
  expect(
    refusal(() => parseBody(withAcl, { acl: [{ ...entry, value: "x".repeat(limits.principalChars + 1) }] })),
  ).toMatchObject({
    code: "limit-exceeded",
    limit: { name: "acl.value" },
    pointer: "/acl/0/value",
  });
});

test("a parameter given twice is refused", () => {
  const query = z.strictObject({ wait: z.enum(["true", "false"]) });
  expect(refusal(() => parseQuery(query, { wait: ["true", "false"] }))).toMatchObject({
    code: "invalid-request",
    pointer: "?wait",
  });
});

test("an answer about a wrong request is short, whatever the request holds", () => {
  const answer = refusal(() => parseBody(schema, { name: "x", ["k".repeat(100_000)]: 1 }));
  expect(JSON.stringify(answer).length).toBeLessThan(1_000);
});
