import { expect, test } from "vitest";
import type { ContentType } from "../document.ts";
import { limits } from "../limits.ts";
import { chunkInSlices } from "./chunk.ts";
import { ParseError, parseInSlices } from "./parse.ts";

const countTokens = (text: string): number => text.match(/\S+/g)?.length ?? 0;
const chars = 500_000;
const fill = (part: string): string => part.repeat(chars / part.length);

/** Steps of the work up to its end or failure. */
function stepsOf(work: Generator<undefined, unknown, undefined>): number {
  for (let steps = 1; ; steps++) {
    try {
      if (work.next().done === true) return steps;
    } catch (error) {
      if (error instanceof ParseError) return steps;
      throw error;
    }
  }
}

const bodies: readonly (readonly [string, ContentType, string])[] = [
  ["one word", "text/plain", fill("a")],
  ["short lines", "text/plain", fill("a\n")],
  ["one line with tags", "text/markdown", `x ${fill("<b>x</b> ")}`],
  ["tags that never end", "text/markdown", fill("<a ")],
  ["one line of backticks", "text/markdown", `x ${fill("` ")}`],
  ["headings", "text/markdown", fill("# a\n")],
  ["list items", "text/markdown", fill("- x\n")],
  ["one HTML text", "text/html", `<p>${fill("word ")}`],
  ["one HTML attribute", "text/html", `<p a="${fill("x")}">x`],
  ["HTML elements", "text/html", fill("<p>x")],
];
for (const [name, type, body] of bodies) {
  test(`reading a long body can be interrupted all along: ${name}`, () => {
    expect(stepsOf(parseInSlices(body, type))).toBeGreaterThan(chars / 20_000);
  });
}

test("cutting can be interrupted between any two pieces", () => {
  const block = { headingPath: [], exact: true, adjoins: false, startChar: 0 };
  const options = { title: "", maxTokens: 256, countTokens };
  const text = fill("a ");
  const long = { body: text, blocks: [{ ...block, text, endChar: text.length }] };
  expect(stepsOf(chunkInSlices(long, options))).toBeGreaterThan(chars / 2 / 200);
});

const top: readonly string[] = [];

test("cutting ends with the first chunk over the limit: what is behind it is not even counted", () => {
  const words = 3 * 200 * limits.chunksPerDocument;
  for (const body of ["a ".repeat(words), "a\n\n".repeat(words), "a. ".repeat(words)]) {
    let counted = 0;
    const options = {
      title: "",
      maxTokens: 256,
      countTokens: (text: string) => {
        counted += text.length;
        return countTokens(text);
      },
    };
    const blocks = body
      .split("\n\n")
      .filter((text) => text !== "")
      .map((text, number) => ({
        text,
        startChar: number * 3,
        endChar: number * 3 + text.length,
        headingPath: top,
        exact: true,
        adjoins: true,
      }));
    const work = chunkInSlices({ body, blocks }, options);
    expect(() => {
      while (work.next().done !== true);
    }).toThrow(/chunksPerDocument/);
    // A third of the body is cut; each word of it is counted alone, in its sentence, in its chunk and to close that.
    expect(counted).toBeLessThan(10 * (body.length / 3));
  }
});
