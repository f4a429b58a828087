import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { reasonOf } from "./reason.ts";
import { placeOf, redactor, secretsIn } from "./redact.ts";

test("a password of any characters is taken out of a text, as it was written and as it was meant", () => {
  const secret = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    // Not what the sentence around it is made of.
    .filter((text) => !/^[\s:]+$/u.test(text));
  const property = fc.property(secret, fc.constantFrom("redis://", "rediss://u:", "http://"), (password, scheme) => {
    const url = `${scheme}${scheme.endsWith(":") ? "" : "u:"}${encodeURIComponent(password)}@host:1`;
    const secrets = secretsIn({ RETICENT_REDIS_URL: url, RETICENT_QDRANT_API_KEY: password, HOME: "/home" });
    expect(secrets).toContain(password);
    const redact = redactor(secrets);
    expect(redact(`: ${password} :`)).toBe(": [secret] :");
    expect(redact(`: ${encodeURIComponent(password)} :`)).toBe(": [secret] :");
    expect(placeOf(url)).toBe(`${new URL(url).protocol}//host:1`);
  });
  fc.assert(property, {
    examples: [
      ["p", "redis://"],
      ["a@b:c/d?e#f%", "redis://"],
      ["$&", "http://"],
    ],
  });
});

test("a short secret does not tear words apart", () => {
  const redact = redactor(["p", "key"]);
  expect(redact("the password p of the keyboard, key=p")).toBe(
    "the password [secret] of the keyboard, [secret]=[secret]",
  );
});

test("keys, tokens and passwords are known by the variable's name, also of ones to come", () => {
  const env = {
    RETICENT_TOKEN: "eyJ.abc",
    RETICENT_OPENAI_SECOND_API_KEY: "sk-2",
    RETICENT_REDIS_PASSWORD: "r",
    RETICENT_QUEUE_REDIS_URL: "redis://:broken password@host",
    RETICENT_URL: "https://x.example/?key=in-a-query",
    RETICENT_DATA: "/data",
  };
  expect(secretsIn(env)).toEqual(expect.arrayContaining(["eyJ.abc", "sk-2", "r", "broken password", "in-a-query"]));
  expect(secretsIn(env)).not.toContain("/data");
});

test("why something failed is told without a word of a foreign message", () => {
  const marks = fc.string({ minLength: 8, maxLength: 30 }).map((text) => `<${text}>`);
  fc.assert(
    fc.property(marks, (mark) => {
      const reply = Object.assign(new Error(`ERR unknown command, with args beginning with: '${mark}'`), {
        name: "ReplyError",
      });
      const named = Object.assign(new Error(mark), { name: mark, code: mark });
      const errors = [
        reply,
        named,
        new Error(mark),
        new SyntaxError(mark),
        new TypeError("fetch failed", { cause: Object.assign(new Error(mark), { code: "ECONNREFUSED" }) }),
        new AppError("index-unavailable", {}, { cause: Object.assign(new Error(mark), { status: 401 }) }),
        mark,
      ];
      for (const error of errors) expect(reasonOf(error)).not.toContain(mark);
    }),
  );
  const of = (name: string, message: string) => reasonOf(Object.assign(new Error(message), { name }));
  expect(of("ReplyError", "WRONGPASS invalid username-password pair")).toBe(
    "the server refuses the user name or password",
  );
  expect(of("ReplyError", "NOAUTH Authentication required.")).toBe("the server asks for a password");
  expect(reasonOf(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("nobody listens there (ECONNREFUSED)");
  expect(reasonOf(Object.assign(new Error("x"), { status: 403 }))).toBe("status 403: the server refuses the key");
});
