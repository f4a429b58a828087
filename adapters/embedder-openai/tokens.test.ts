import * as fc from "fast-check";
import { expect, test } from "vitest";
import { chunkDocument, embeddingInput } from "#core/text/chunk.ts";
import { parseDocument } from "#core/text/parse.ts";
import { countTokens, cutToBytes, hopefulBytes, longestInput, readable, safeBytes, tokenBound } from "./tokens.ts";

const anyText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 2_000 }),
  fc.lorem({ maxCount: 300 }),
  fc
    .array(fc.constantFrom("漢字", "ﷺ", "😀", "İ", "word ", "0123456789", "\n\n", ". "), { maxLength: 600 })
    .map((all) => all.join("")),
);

const anyTitle = fc.oneof(fc.lorem({ maxCount: 80 }), fc.string({ unit: "grapheme-composite", maxLength: 60 }));

test("no chunk of any document exceeds a model of 512 tokens, whatever its tokenizer does", () => {
  const [inputTokens, prefix] = [512, "passage: "];
  fc.assert(
    fc.property(anyText, anyTitle, (body, title) => {
      const parsed = parseDocument(`a ${body}`, "text/plain");
      const options = { title, maxTokens: longestInput(inputTokens, prefix), countTokens };
      for (const { headingPath, text } of chunkDocument(parsed, options)) {
        const input = embeddingInput(title, headingPath, text);
        expect(tokenBound(input)).toBeLessThanOrEqual(safeBytes(inputTokens, prefix));
        expect(tokenBound(`${prefix}${input}`) + 3).toBeLessThanOrEqual(inputTokens);
      }
    }),
    { numRuns: 60 },
  );
});

test("a chunk of a model with room is as long as with the other encoders, one of a short model as long as is safe", () => {
  expect(longestInput(8_191, "")).toBe(256);
  expect(longestInput(512, "passage: ")).toBe(125);
  expect(countTokens("Replace the battery of each sensor every two years.")).toBe(13);
  // A few characters stand for whole words.
  expect(countTokens("ﷺ")).toBe(9);
});

test("a cut keeps the beginning, within the bytes, and no half character", () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 4, max: 2_000 }), (text, most) => {
      const whole = readable(text);
      const cut = cutToBytes(whole, most);
      expect(whole.startsWith(cut)).toBe(true);
      expect(tokenBound(cut)).toBeLessThanOrEqual(most);
      expect(cut.isWellFormed()).toBe(true);
      // Nothing is taken from what fits.
      expect(cut === whole).toBe(tokenBound(whole) <= most);
    }),
  );
  expect(cutToBytes("abcdef", 4)).toBe("abcd");
  expect(cutToBytes("ab😀cd", 5)).toBe("ab");
  expect(hopefulBytes(512, "")).toBe(4 * safeBytes(512, ""));
});

test("what is sent is never empty, never half a character, and has no NUL", () => {
  expect([readable(""), readable(" \n"), readable("a\0b"), readable("\ud800"), readable("plain ")]).toEqual([
    ".",
    ".",
    "a b",
    "\ufffd",
    "plain ",
  ]);
});
