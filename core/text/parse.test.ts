import { expect, test } from "vitest";
import { limits } from "../limits.ts";
import { parseDocument } from "./parse.ts";
import { ParseError } from "./parse-error.ts";

const codeOf = (body: string, type: "text/plain" | "text/markdown" | "text/html"): string => {
  try {
    parseDocument(body, type);
    return "parsed";
  } catch (error) {
    return error instanceof ParseError ? error.code : String(error);
  }
};

test("plain text is split at blank lines, whatever ends the lines, and each block is its part of the body", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const body = `${end}  First line${end}goes on.${end} \t ${end}${end}Second.${end}`;
    const { blocks } = parseDocument(body, "text/plain");
    expect(blocks.map((block) => block.text)).toEqual([`First line${end}goes on.`, "Second."]);
    for (const block of blocks) expect(body.slice(block.startChar, block.endChar)).toBe(block.text);
  }
});

test("a body with a NUL, or with many control or replacement characters, is unreadable", () => {
  expect(codeOf("fine\0text", "text/plain")).toBe("unreadable-body");
  expect(codeOf("\ufffd".repeat(20), "text/markdown")).toBe("unreadable-body");
  expect(codeOf(`<p>${"\u0001\u0002".repeat(50)}</p>`, "text/html")).toBe("unreadable-body");
  expect(codeOf(`one damaged \ufffd character in an otherwise good text`, "text/plain")).toBe("parsed");
});

test("a body without readable text is refused in every format", () => {
  expect(codeOf("", "text/plain")).toBe("no-text");
  expect(codeOf(" \n\t\n", "text/plain")).toBe("no-text");
  expect(codeOf("---\ntitle: x\n---\n<!-- nothing -->\n", "text/markdown")).toBe("no-text");
  expect(codeOf("<html><body><script>x()</script><p hidden>y</p></body></html>", "text/html")).toBe("no-text");
});

test("text that calls itself HTML but has no HTML element is not HTML", () => {
  expect(codeOf("just words, 1 < 2", "text/html")).toBe("not-html");
  expect(codeOf('{"a": "b"}', "text/html")).toBe("not-html");
  expect(codeOf('<?xml version="1.0"?><order><item>4</item></order>', "text/html")).toBe("not-html");
  expect(codeOf("<p>words", "text/html")).toBe("parsed");
});

// Hostile bodies: each made a common parser take quadratic time or overflow the stack. They must end, one way or the other.
const times = 100_000;
const hostile: readonly (readonly [string, "text/markdown" | "text/html", string])[] = [
  ["nested quotes", "text/markdown", `${">".repeat(times)} x`],
  ["nested lists", "text/markdown", `${"- ".repeat(times)}x`],
  ["open brackets", "text/markdown", `${"[".repeat(times)}x`],
  ["open emphasis", "text/markdown", "*a ".repeat(times)],
  ["underlined headings", "text/markdown", "a\n=\n".repeat(times)],
  ["lazy continuation", "text/markdown", `> a\n${"b\n".repeat(times)}`],
  ["open comments", "text/markdown", "x <!-- ".repeat(times)],
  ["open tags", "text/markdown", 'x<a "'.repeat(times)],
  ["open declarations", "text/markdown", "x<?".repeat(times)],
  ["code spans of every length", "text/markdown", Array.from({ length: 1_000 }, (_, i) => "`".repeat(i)).join(" ")],
  ["nested elements", "text/html", `${"<div>".repeat(times)}x`],
  ["nested elements with paragraphs", "text/html", `${"<div><p>".repeat(times)}x`],
  [
    "unclosed formatting",
    "text/html",
    `${Array.from({ length: 400 }, (_, i) => `<font a=${i}>`).join("")}${"<p>x".repeat(times)}`,
  ],
  ["attributes", "text/html", `<p ${Array.from({ length: times }, (_, i) => `a${i}`).join(" ")}>x`],
];
for (const [name, type, body] of hostile) {
  test(`hostile input ends in text or in a stated failure: ${name}`, () => {
    expect(["parsed", "unreadable-body"]).toContain(codeOf(body, type));
  });
}

test("HTML nested deeper than the limit is refused, at the limit it is read", () => {
  const nested = (depth: number): string => `${"<div>".repeat(depth)}x${"</div>".repeat(depth)}`;
  // html and body are two levels, the text itself is one more.
  expect(codeOf(nested(limits.htmlDepth - 3), "text/html")).toBe("parsed");
  expect(codeOf(nested(limits.htmlDepth), "text/html")).toBe("unreadable-body");
});
