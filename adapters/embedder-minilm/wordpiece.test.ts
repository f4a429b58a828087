import { readFileSync } from "node:fs";
import { join } from "node:path";
import { array, assert, constantFrom, integer, property, string } from "fast-check";
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

const vocabulary = readFileSync(join(builtInModel, "vocabulary.txt"), "utf8").replace(/\n$/, "").split("\n");

/** Longest match first, as the original describes it, with every length tried. */
function longestFirst(word: string): number[] {
  const characters = [...word];
  const pieces: number[] = [];
  for (let from = 0; from < characters.length; ) {
    let end = characters.length;
    let id = -1;
    for (; end > from; end--) {
      id = vocabulary.indexOf((from > 0 ? "##" : "") + characters.slice(from, end).join(""));
      if (id >= 0) break;
    }
    if (id < 0) return [vocabulary.indexOf("[UNK]")];
    pieces.push(id);
    from = end;
  }
  return pieces;
}

test("a word is cut into the longest pieces from its beginning, whatever letters follow each other", () => {
  const letters = constantFrom("a", "e", "n", "s", "t", "и", "ن", "ß", "中", "𝔞", "1", "tion", "ing", "international");
  assert(
    property(array(letters, { minLength: 1, maxLength: 8 }), (parts) => {
      const words = parts.join("").replaceAll("中", " 中 ").trim().split(/\s+/);
      const expected = words.flatMap(longestFirst);
      expect([...tokenizer.encode(words.join(" "), 10_000)].slice(1, -1)).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

// With every length tried this would take most of a minute, of the thread that answers everybody.
test("a text full of the longest words that are cut keeps nobody waiting", () => {
  const word = (at: number) =>
    Array.from({ length: 100 }, (_, i) => String.fromCharCode(0x430 + ((at * 7 + i * i * 13 + at * i) % 32))).join("");
  const text = Array.from({ length: 4_000 }, (_, at) => word(at)).join(" ");
  expect(tokenizer.count(text)).toBeGreaterThan(300_000);
}, 20_000);
