import { expect, test } from "vitest";
import { parseDocument } from "./parse.ts";
import { frontMatterLength } from "./parse-markdown.ts";

const texts = (body: string): string[] => parseDocument(body, "text/markdown").blocks.map((block) => block.text);
const all = (body: string): string => JSON.stringify(parseDocument(body, "text/markdown").blocks);

test("headings make the path: hashes, underlines, and levels that are left again", () => {
  const body =
    "# Guide #\n\nIntro.\n\nSetup\n-----\nDo it.\n\n### Deep `code` **bold** [link](https://x.test)\nDeeper.\n\n## Next &amp;&nbsp;last {#id}\nEnd.";
  expect(parseDocument(body, "text/markdown").blocks.map((block) => [block.headingPath, block.text])).toEqual([
    [["Guide"], "Intro."],
    [["Guide", "Setup"], "Do it."],
    [["Guide", "Setup", "Deep code bold link"], "Deeper."],
    [["Guide", "Next & last"], "End."],
  ]);
});

test("a heading that nothing follows is text of its own, so that it is not lost", () => {
  expect(texts("# One\n## Two\n## Three\ntext")).toEqual(["## Two", "text"]);
  expect(texts("# Only")).toEqual(["# Only"]);
});

test("a heading too long for a path is clipped there and kept whole as text", () => {
  const long = "word ".repeat(100).trim();
  const [block, after] = parseDocument(`# ${long}\n\ntext`, "text/markdown").blocks;
  expect(block?.text).toBe(`# ${long}`);
  expect(after?.headingPath[0]?.length).toBe(200);
});

test("paragraphs, list items, quotes, tables and code are blocks, each exactly its part of the body", () => {
  const body =
    "One\ntwo.\n\n- a\n  more\n- b\n\n1. c\n\n> q\n> r\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```sh\n# no heading\n\nrun\n```\n\n    indented # code\n";
  const { blocks } = parseDocument(body, "text/markdown");
  expect(blocks.map((block) => block.text)).toEqual([
    "One\ntwo.",
    "- a\n  more",
    "- b",
    "1. c",
    "> q\n> r",
    "| x | y |\n|---|---|\n| 1 | 2 |",
    "```sh\n# no heading\n\nrun\n```",
    "indented # code",
  ]);
  for (const block of blocks) {
    expect(block.exact).toBe(true);
    expect(body.slice(block.startChar, block.endChar)).toBe(block.text);
  }
});

test("front matter at the top is no text; a rule further down is no front matter", () => {
  expect(texts("---\ntitle: Secret plan\n---\n\nBody.")).toEqual(["Body."]);
  expect(texts("Body.\n\n---\n\nmore: text\n\n---\n")).toEqual(["Body.", "more: text"]);
  expect(frontMatterLength("---\nnever closed\n")).toBe(0);
  expect(frontMatterLength("---\r\na: b\r\n---\r\nx")).toBe("---\r\na: b\r\n---\r\n".length);
});

test("what a reader of the page would not see is left out", () => {
  const hidden = [
    "a <!-- SECRET --> b",
    "<!--\nSECRET\n\nSECRET\n-->\ntext",
    "<div hidden>\n\nSECRET\n\n# SECRET\n\n```\nSECRET\n```\n\n</div>\n\ntext",
    'x <span style="display: none">SECRET</span> y',
    'x <span style="DISPLAY&#58;none">SECRET <span>SECRET</span> SECRET</span> y',
    "<script>\nSECRET\n</script>\n\ntext",
    "[//]: # (SECRET)\n\ntext",
    "[comment]: <> (SECRET)\n\ntext",
    "text\n\n<!-- SECRET -->",
    '<p style="/* x */ font-size:0">SECRET</p>\n\ntext',
    "# Title <!-- SECRET -->\ntext",
    "text <template>SECRET</template>",
  ];
  expect(hidden.filter((body) => all(body).includes("SECRET"))).toEqual([]);
});

test("tags are not shown, what stands between them is", () => {
  expect(texts("Press <kbd>Ctrl</kbd> now.")).toEqual(["Press Ctrl now."]);
  expect(texts("<details>\n<summary>More</summary>\n\nInner.\n\n</details>")).toEqual(["More", "Inner."]);
});

test("code, escapes, autolinks and comparisons are not taken for tags", () => {
  for (const body of [
    "Use `<div hidden>` here.",
    "```html\n<div hidden>\n```",
    "See <https://example.test/x> or <a@b.test>.",
    "if a <b",
    "\\<span hidden> here",
  ]) {
    expect(texts(body)).toEqual([body]);
  }
});

test("a hidden tag without an end hides its own paragraph, not the page", () => {
  expect(texts("a <span hidden> b\n\nc")).toEqual(["a", "c"]);
  expect(texts("a <!-- never closed\n\nb")).toEqual(["a <!-- never closed", "b"]);
});

test("fences end with the list item or quote that holds them", () => {
  expect(all("> ```\n> code\n\n<!-- SECRET -->\n\ntext")).not.toContain("SECRET");
  expect(all("- item\n\n  ```\n  code\n\n<!-- SECRET -->\n\ntext")).not.toContain("SECRET");
  expect(all("text\n\n    ```\n\n<!-- SECRET -->\n\ntext")).not.toContain("SECRET");
});
