import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../limits.ts";
import { type Chunk, chunkDocument, embeddingInput, mostCharsPerToken, smallTokens, targetTokens } from "./chunk.ts";
import { ParseError, parseDocument } from "./parse.ts";

/** The simplest encoder: a token is a word of up to ten characters. */
const countTokens = (text: string): number =>
  (text.match(/\S+/g) ?? []).reduce((sum, word) => sum + Math.ceil(word.length / 10), 0);
const options = { title: "Guide", maxTokens: 256, countTokens };
const chunksOf = (body: string, type: "text/plain" | "text/markdown" | "text/html" = "text/markdown"): Chunk[] =>
  chunkDocument(parseDocument(body, type), options);
const words = (count: number, word = "word"): string =>
  Array.from({ length: count }, (_, i) => `${word}${i}`).join(" ");

test("a short section is one chunk, and sections never share one", () => {
  const chunks = chunksOf("# A\n\nfirst\n\nsecond\n\n## B\n\nthird");
  expect(chunks.map(({ text, headingPath }) => [text, headingPath])).toEqual([
    ["first\n\nsecond", ["A"]],
    ["third", ["A", "B"]],
  ]);
});

test("paragraphs are packed up to the target, and one over it is cut between sentences", () => {
  const paragraph = `${words(90, "a")}.`;
  const sentence = (name: string): string => `${words(60, name)}. `;
  expect(chunksOf([paragraph, paragraph, paragraph].join("\n\n")).map(({ tokens }) => tokens)).toEqual([180, 90]);
  const long = ["Aa", "Bb", "Cc", "Dd", "Ee"].map(sentence).join("");
  const chunks = chunksOf(long);
  expect(chunks.map(({ tokens }) => tokens)).toEqual([180, 120]);
  expect(chunks[1]?.text.startsWith("Dd0")).toBe(true);
});

test("a sentence over the limit is cut at words, a word over it inside", () => {
  const chunks = chunksOf(`${words(500)} ${"x".repeat(5_000)}`);
  for (const chunk of chunks) expect(chunk.tokens).toBeLessThanOrEqual(targetTokens);
  expect(chunks[0]?.text.endsWith(`word${targetTokens - 1}`)).toBe(true);
  expect(
    chunks
      .map(({ text }) => text)
      .join("")
      .match(/x/g)?.length,
  ).toBe(5_000);
});

test("a very small last piece joins the chunk before it when the encoder can hold both", () => {
  const chunks = chunksOf(`${words(targetTokens - 2)}\n\n${words(smallTokens - 10, "tail")}`);
  expect(chunks).toHaveLength(1);
  expect(chunksOf(`${words(targetTokens - 2)}\n\n${words(smallTokens + 10, "tail")}`)).toHaveLength(2);
});

test("what was taken out between two blocks comes back in no chunk", () => {
  const chunks = chunksOf("before\n\n<!-- SECRET -->\n\n[x]: SECRET\n\nafter <i hidden>SECRET</i> all");
  expect(JSON.stringify(chunks)).not.toContain("SECRET");
  expect(chunks.map(({ text }) => text)).toEqual(["before\n\nafter  all"]);
});

test("title and headings are clipped, so that they always leave room for the text", () => {
  for (const part of ["word ".repeat(100).trim(), "漢".repeat(500), "a b ".repeat(125).trim(), "😀".repeat(250)]) {
    const path = Array.from({ length: 6 }, (_, i) => `${i}${part}`);
    expect([...embeddingInput(part, path, "")].length).toBeLessThanOrEqual(330);
  }
  expect(embeddingInput("Guide", ["Guide", "Setup"], "text")).toBe("Guide\nSetup\ntext");
  expect(embeddingInput("", [], "text")).toBe("text");
});

test("a document of more chunks than the limit fails by name", () => {
  const body = Array.from({ length: limits.chunksPerDocument + 1 }, (_, i) => `# h${i}\n\ntext`).join("\n\n");
  expect(() => chunksOf(body)).toThrow(ParseError);
  expect(() => chunksOf(body)).toThrow(/chunksPerDocument/);
  const flat = Array.from({ length: limits.chunksPerDocument + 2 }, () => words(150)).join("\n\n");
  expect(() => chunksOf(flat, "text/plain")).toThrow(/chunksPerDocument/);
});

test("an encoder too small for title and headings is refused, not fed too much", () => {
  const parsed = parseDocument(`# ${words(20)}\n\ntext`, "text/markdown");
  expect(() => chunkDocument(parsed, { title: words(40), maxTokens: 30, countTokens })).toThrow(/no room/);
});

const word = fc.oneof(
  fc.stringMatching(/^[a-z]{1,12}[.!?,;]?$/),
  fc.constantFrom("漢字", "naïve", "😀😀", "x".repeat(600), "a.b", "v1.2", "—"),
);
const line = fc.array(word, { minLength: 1, maxLength: 60 }).map((parts) => parts.join(" "));
const block = fc.oneof(
  line,
  line.map((text) => `## ${text}`),
  line.map((text) => `- ${text}\n- ${text}`),
  line.map((text) => `> ${text}\n> ${text}`),
  line.map((text) => `\`\`\`\n${text}\n\n${text}\n\`\`\``),
);
const document = fc
  .array(block, { minLength: 1, maxLength: 15 })
  .chain((blocks) => fc.constantFrom("\n\n", "\r\n\r\n", "\n\n\n").map((gap) => blocks.join(gap)));
const letters = (text: string): string => text.replace(/[^\p{L}\p{N}]+/gu, "");

test("nothing readable is lost, offsets are exact and in order, and every input fits the encoder", () => {
  fc.assert(
    fc.property(document, fc.constantFrom("text/plain" as const, "text/markdown" as const), (body, type) => {
      const chunks = chunksOf(body, type);
      let last = 0;
      for (const chunk of chunks) {
        expect(chunk.text).toBe(body.slice(chunk.startChar, chunk.endChar));
        expect(chunk.text.trim()).not.toBe("");
        expect(chunk.text.isWellFormed()).toBe(true);
        expect(chunk.startChar).toBeGreaterThanOrEqual(last);
        expect(chunk.tokens).toBe(countTokens(chunk.text));
        expect(countTokens(embeddingInput(options.title, chunk.headingPath, chunk.text))).toBeLessThanOrEqual(256);
        last = chunk.endChar;
      }
    }),
  );
});

test("plain text comes back whole, letter for letter", () => {
  fc.assert(
    fc.property(document, (body) => {
      const texts = chunksOf(body, "text/plain").map(({ text }) => text);
      expect(letters(texts.join(" "))).toBe(letters(body));
    }),
  );
});

test("every word of a markdown text is in a chunk or in a heading path", () => {
  fc.assert(
    fc.property(document, (body) => {
      const shown = chunksOf(body).flatMap(({ text, headingPath }) => [text, ...headingPath]);
      const kept = new Set(shown.join(" ").match(/\p{L}+/gu));
      const lost = (body.match(/\p{L}+/gu) ?? []).filter((found) => !kept.has(found));
      expect(lost).toEqual([]);
    }),
  );
});

test("chunks of HTML hold all of its text, within the ranges that they name", () => {
  const paragraphs = fc.array(line, { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(paragraphs, (texts) => {
      const body = texts.map((text) => `<p>${text}</p>`).join("\n");
      const chunks = chunksOf(body, "text/html");
      expect(letters(chunks.map(({ text }) => text).join(" "))).toBe(letters(texts.join(" ")));
      for (const chunk of chunks) {
        expect(letters(body.slice(chunk.startChar, chunk.endChar).replaceAll(/<\/?p>/g, " "))).toContain(
          letters(chunk.text),
        );
      }
    }),
  );
});

test("no passage is longer than its tokens can say, although the encoder takes a word of any length for one token", () => {
  const wordTokens = { ...options, countTokens: (text: string) => text.match(/\S+/g)?.length ?? 0 };
  const bodies = [
    "x".repeat(100_000),
    Array.from({ length: 400 }, () => "y".repeat(300)).join(" "),
    `a${" ".repeat(50_000)}b`,
    `a\n${" \n".repeat(50_000)}b`,
    `e${"\u0301".repeat(50_000)}`,
    `${"z".repeat(3_000)}\n\n`.repeat(20),
  ];
  for (const body of bodies) {
    const chunks = chunkDocument(parseDocument(body, "text/plain"), wordTokens);
    for (const { text, tokens } of chunks) {
      expect(text.length).toBeLessThanOrEqual(tokens * mostCharsPerToken);
      expect(tokens).toBeLessThanOrEqual(options.maxTokens);
    }
    expect(chunks.map(({ text }) => text.replace(/\s/g, "")).join("")).toBe(body.replace(/\s/g, ""));
  }
});
