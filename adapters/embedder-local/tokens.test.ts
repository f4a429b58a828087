import * as fc from "fast-check";
import { expect, test } from "vitest";
import { countTokens } from "./tokens.ts";

test("words, punctuation and characters of scripts without spaces count as tokens, white space does not", () => {
  expect(countTokens("")).toBe(0);
  expect(countTokens(" \n\t ")).toBe(0);
  expect(countTokens("two words")).toBe(2);
  expect(countTokens("a, b.")).toBe(4);
  expect(countTokens("漢字かな")).toBe(4);
  expect(countTokens("abc漢字かな")).toBe(4);
  expect(countTokens("naïve café")).toBe(2);
  expect(countTokens("x".repeat(41))).toBe(3);
  expect(countTokens("-".repeat(17))).toBe(3);
});

test("a text has at least as many tokens as any part of it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), fc.nat(100), (text, at) => {
      expect(countTokens([...text].slice(0, at).join(""))).toBeLessThanOrEqual(countTokens(text));
    }),
  );
});
