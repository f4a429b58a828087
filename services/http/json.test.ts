import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { parseJson } from "./json.ts";

function refusal(text: string): object {
  try {
    parseJson(Buffer.from(text));
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.details };
    throw error;
  }
  return { code: "accepted" };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
/** A list of zeros that counts as so many values. */
const zeros = (values: number): string => `[0${",0".repeat(values - 2)}]`;

test("a member that is given twice is refused with its place, however it is spelt and wherever it stands", () => {
  const twice: [text: string, pointer: string][] = [
    ['{"acl": [], "acl": [{"type": "everyone"}]}', "/acl"],
    ['{"acl": [], "labels": [], "\\u0061cl": []}', "/acl"],
    ['{"quality": {"owner": "a", "owner": "b"}}', "/quality/owner"],
    ['{"acl": [{"type": "user", "value": "a"}, {"type": "user", "value": "a", "value": "b"}]}', "/acl/1/value"],
    ['{"": 1, "": 2}', "/"],
    ['{"a\\"b": "}", "x": {"y": "{"}, "a\\u0022b": 2}', '/a"b'],
    ['{"é": 1, "\\u00e9": 2}', "/é"],
  ];
  for (const [text, pointer] of twice) {
    expect([text, refusal(text)]).toMatchObject([text, { code: "malformed-request", pointer }]);
  }
  for (const text of [
    '{"a": {"a": {"a": "a"}}, "b": [{"a": 1}, {"a": 1}]}',
    '["a", "a"]',
    '{"a": "b", "b": "a", "c": ["a", "b", "a"]}',
    '{"a": "\\"a\\": 1, \\"a\\": 2", "A": 1, "e\\u0301": 1, "\\u00e9": 2}',
  ]) {
    expect([text, parseJson(Buffer.from(text))]).toEqual([text, JSON.parse(text)]);
  }
});

test("any JSON value comes through as it is, and only as it is", () => {
  const poison = (key: string) => key === "__proto__" || key === "prototype";
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }), fc.constantFrom(0, 1, "\t"), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      fc.pre(![...text.matchAll(/"(\w+)"/g)].some(([, key = ""]) => poison(key)));
      expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
    }),
  );
});

test("what is not JSON is refused as such, whatever it looks like", () => {
  for (const text of [
    "",
    "{",
    '"',
    '"\\',
    '{"a',
    '{"\\x": 1}',
    "]]]]",
    "}{",
    '{"a" "b"}',
    "{,}",
    '["a": 1]',
    "\ufeff{}",
  ]) {
    expect([text, refusal(text)]).toEqual([text, { code: "malformed-request", detail: "the body is not JSON" }]);
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...'[]{},:"\\u0a1 ')), (parts) => {
      const text = parts.join("");
      fc.pre(!isJson(text));
      expect(refusal(text)).toMatchObject({ code: "malformed-request" });
    }),
  );
});

test("members that would change what other objects are do not get in, and their names alone do no harm", () => {
  for (const text of ['{"a": [{"\\u005f_proto__": 1}]}', '[{"constructor": {"x": 1, "prototype": {}}}]']) {
    expect([text, refusal(text)]).toMatchObject([text, { code: "malformed-request" }]);
  }
  for (const text of ['{"constructor": "x", "prototype": {}}', '["__proto__"]', '{"a": "\\"__proto__\\": 1"}']) {
    expect([text, refusal(text)]).toEqual([text, { code: "accepted" }]);
  }
});

test("a body of more values, or deeper ones, than any request needs is refused before it is parsed", () => {
  expect(refusal(nested(limits.jsonDepth))).toEqual({ code: "accepted" });
  expect(refusal(zeros(limits.jsonValues))).toEqual({ code: "accepted" });
  const deep = { code: "limit-exceeded", limit: { name: "jsonDepth", max: limits.jsonDepth } };
  const many = { code: "limit-exceeded", limit: { name: "jsonValues", max: limits.jsonValues } };
  expect(refusal(nested(limits.jsonDepth + 1))).toMatchObject(deep);
  expect(refusal(zeros(limits.jsonValues + 1))).toMatchObject(many);
  // Neither of these is JSON: the parser was not asked.
  expect(refusal("[".repeat(limits.requestBytes))).toMatchObject(deep);
  for (const unit of ["0,", "{},", '{"a":1},']) {
    expect([unit, refusal(`[${unit.repeat(limits.requestBytes / 8)}`)]).toMatchObject([unit, many]);
  }
});
