import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import { builtInModel } from "./minilm.ts";
import { WordPiece } from "./wordpiece.ts";

const tokenizer = new WordPiece(readFileSync(join(builtInModel, "vocabulary.txt"), "utf8"));
const known: { texts: { text: string; ids: number[] }[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "wordpiece.json"), "utf8"),
);

test("texts of many scripts and odd characters are cut into the ids that the original's tokenizer gives", () => {
  expect(known.texts.length).toBeGreaterThan(30);
  for (const { text, ids } of known.texts)
    expect({ text, ids: [...tokenizer.encode(text, 10_000)] }).toEqual({ text, ids });
});

test("counting agrees with encoding, and a longer text is cut to its beginning, for any text", () => {
  assert(
    property(string({ unit: "binary", maxLength: 200 }), integer({ min: 2, max: 40 }), (text, most) => {
      const all = tokenizer.encode(text, 10_000);
      expect(tokenizer.count(text)).toBe(all.length - 2);
      const cut = tokenizer.encode(text, most);
      expect(cut.length).toBe(Math.min(all.length, most));
      expect(cut.slice(0, -1)).toEqual(all.slice(0, cut.length - 1));
      expect(cut.at(-1)).toBe(tokenizer.end);
    }),
  );
});

test("tokens of two texts with a line break between them are the tokens of each", () => {
  assert(
    property(string({ unit: "grapheme" }), string({ unit: "grapheme" }), (left, right) => {
      expect(tokenizer.count(`${left}\n${right}`)).toBe(tokenizer.count(left) + tokenizer.count(right));
    }),
  );
});

test("a text that names special tokens gets none of them", () => {
  const inner = tokenizer.encode("end [SEP] of [CLS] text [PAD] [MASK]", 256).slice(1, -1);
  for (const special of [0, tokenizer.start, tokenizer.end, 103]) expect(inner).not.toContain(special);
});
