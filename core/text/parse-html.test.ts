import { expect, test } from "vitest";
import { parseDocument } from "./parse.ts";

const texts = (body: string): string[] => parseDocument(body, "text/html").blocks.map((block) => block.text);

test("block elements part the text, inline elements do not, and entities are read", () => {
  expect(texts("<p>One <b>bold</b>\n  word &amp; more<p>Two<div>Three<br>lines</div>")).toEqual([
    "One bold word & more",
    "Two",
    "Three\nlines",
  ]);
});

test("title and headings make the path", () => {
  const body = "<title>Page</title><h1>Guide</h1><p>a</p><h2>Set <em>up</em></h2><p>b</p><h2>Next</h2><p>c</p>";
  expect(parseDocument(body, "text/html").blocks.map((block) => [block.headingPath, block.text])).toEqual([
    [["Page", "Guide"], "a"],
    [["Page", "Guide", "Set up"], "b"],
    [["Page", "Guide", "Next"], "c"],
  ]);
});

test("the cells of a row stay together, and preformatted text keeps its lines", () => {
  const body = "<table><tr><th>Name<th>Limit<tr><td>disk<td>5 GB</table><pre>a\n  b</pre>";
  expect(texts(body)).toEqual(["Name | Limit", "disk | 5 GB", "a\n  b"]);
});

test("what a reader of the page would not see is left out", () => {
  const body = `<head><meta name=description content=SECRET><style>.SECRET{}</style></head>
    <p>shown</p><script>SECRET</script><template><p>SECRET</p></template><noscript>SECRET</noscript>
    <!-- SECRET --><p hidden>SECRET</p><div popover><p>SECRET</p></div>
    <p style="color:red; DISPLAY : none">SECRET</p><p style="visibility:hidden">SECRET</p><p style="font-size:0px">SECRET</p>
    <p style="opacity: 0">SECRET</p><dialog>SECRET</dialog><iframe>SECRET</iframe><svg><title>SECRET</title></svg>
    <img alt="SECRET" src=x><input value=SECRET>`;
  expect(texts(body)).toEqual(["shown"]);
});

test("a style that only looks like hiding hides nothing", () => {
  expect(texts('<p style="opacity:0.5; font-size:0.9em">shown</p>')).toEqual(["shown"]);
});

test("offsets cover the text in the source, also after Windows line ends and characters outside the first plane", () => {
  const body = "<h1>😀 A</h1>\r\n\r\n<p>first 😀\r\n<b>word</b> last</p>\r\n<p>next</p>";
  const { blocks } = parseDocument(body, "text/html");
  expect(blocks.map((block) => body.slice(block.startChar, block.endChar))).toEqual([
    "first 😀\r\n<b>word</b> last",
    "next",
  ]);
});

test("a heading behind a long run of invisible characters is not lost", () => {
  const blocks = parseDocument(`<h1>${"\u200b".repeat(5_000)}Guide</h1><p>text`, "text/html").blocks;
  expect([...blocks.map(({ text }) => text), ...blocks.flatMap(({ headingPath }) => headingPath)]).toContain("Guide");
});
