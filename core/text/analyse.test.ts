import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../limits.ts";
import { analyse, isStopTerm, queryTermLimit, queryTerms } from "./analyse.ts";

test("words come lower case and stemmed, whatever their case or compatibility form", () => {
  expect(analyse("Calibrating SENSORS ﬁle")).toEqual(["calibr", "sensor", "file"]);
});

test("possessives and contractions lose their apostrophe, straight or curly", () => {
  expect(analyse("the company's")).toEqual(analyse("the company"));
  expect(analyse("the company’s")).toEqual(analyse("the company"));
  expect(analyse("don't")).toEqual(["dont"]);
});

test("identifiers come whole and in parts", () => {
  expect(analyse("snake_case")).toEqual(["snake_case", "snake", "case"]);
  expect(analyse("camelCase")).toEqual(["camelcas", "camel", "case"]);
  expect(analyse("v1.2.3")).toEqual(["v1.2.3", "v1", "2", "3"]);
  expect(analyse("error-code-42")).toEqual(["error-code-42", "error", "code", "42"]);
});

test("a hyphen between plain words makes no identifier", () => {
  expect(analyse("state-of-the-art")).toEqual(["state", "of", "the", "art"]);
});

test("scripts without spaces come as pairs of neighbours, beside words of other scripts", () => {
  expect(analyse("東京都")).toEqual(["東京", "京都"]);
  expect(analyse("山")).toEqual(["山"]);
  expect(analyse("設定menu")).toEqual(["設定", "menu"]);
  expect(analyse("カタカナー")).toEqual(["カタ", "タカ", "カナ", "ナー"]);
});

test("a query drops stop words, unless it has nothing else", () => {
  expect(queryTerms("What is the holiday policy of the company?")).toEqual(["holidai", "polici", "compani"]);
  expect(queryTerms("to be or not to be")).toEqual(["to", "be", "or", "not"]);
  expect(isStopTerm("the")).toBe(true);
  expect(isStopTerm("sensor")).toBe(false);
});

test("a query's terms are distinct, in order, and among the terms of a text that repeats the query", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
      const terms = queryTerms(text);
      expect(new Set(terms).size).toBe(terms.length);
      const found = analyse(text);
      for (const term of terms) expect(found).toContain(term);
    }),
  );
});

test("analysing gives no empty term and no white space", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      for (const term of analyse(text)) expect(term).toMatch(/^\S+$/u);
    }),
  );
});

test("more terms than the limit are refused by name, never cut off", () => {
  expect(queryTermLimit).toBe(limits.queryChars);
  // A query within its own limit cannot have them; only one that was never checked does.
  const many = Array.from({ length: queryTermLimit + 1 }, (_, i) => `w${i}`).join(" ");
  expect(() => queryTerms(many)).toThrow(/queryTerms/);
});

test("a megabyte without a space is analysed, with terms of bounded length", () => {
  const terms = analyse(`${"a".repeat(1_000_000)} ${"x-".repeat(200_000)} ${"aB".repeat(200_000)}`);
  expect(Math.max(...terms.slice(0, 10).map((term) => term.length))).toBeLessThanOrEqual(64);
});
