import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from "parse5";
import type { ContentType } from "#core/document.ts";
import { ParseError, parseDocument } from "#core/text/parse.ts";

/** A title stands at the beginning; the rest of a long body is not searched for one. */
const searchedChars = 64 * 1024;

/**
 * A document's title where front matter gives none: `<title>` of an HTML page, else the first heading, else the file name in words.
 * @param id the path, with `/`
 */
export function titleOf(id: string, contentType: ContentType, body: string): string {
  const head = body.slice(0, searchedChars);
  const found = (contentType === "text/html" ? htmlTitle(head) : undefined) ?? firstHeading(head, contentType);
  return found ?? fileWords(id);
}

function firstHeading(head: string, contentType: ContentType): string | undefined {
  if (contentType === "text/plain") return undefined;
  try {
    const block = parseDocument(head, contentType).blocks.find(({ headingPath }) => headingPath.length > 0);
    return oneLine(block?.headingPath[0] ?? "");
  } catch (error) {
    // A body that cannot be parsed is the server's to refuse, with a reason.
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

function htmlTitle(head: string): string | undefined {
  const element = (node: DefaultTreeAdapterTypes.ParentNode, name: string) =>
    node.childNodes.filter(defaultTreeAdapter.isElementNode).find(({ tagName }) => tagName === name);
  const html = element(parse(head), "html");
  const headElement = html && element(html, "head");
  const title = headElement && element(headElement, "title");
  const text = title?.childNodes.filter(defaultTreeAdapter.isTextNode).map(({ value }) => value);
  return oneLine((text ?? []).join(""));
}

function fileWords(id: string): string {
  const name = id.slice(id.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
  return oneLine(name.replaceAll(/[-_]+/g, " ")) ?? name;
}

// What the service refuses in a title becomes a space: a title is for display, the body keeps every character.
const oneLine = (text: string): string | undefined =>
  text.replaceAll(/[\s\p{Cc}\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]+/gu, " ").trim() || undefined;
