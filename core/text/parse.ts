import type { ContentType } from "../document.ts";
import { wholeCharacter } from "./cut.ts";
import { isVisible } from "./invisible.ts";
import { ParseError } from "./parse-error.ts";
import { parseHtml } from "./parse-html.ts";
import { parseMarkdown } from "./parse-markdown.ts";
import type { ParsedBlock, ParsedDocument } from "./parsed.ts";
import { finish, type Sliced, sliceChars } from "./slices.ts";

export { ParseError } from "./parse-error.ts";
export type { ParsedBlock, ParsedDocument } from "./parsed.ts";

/**
 * Reads a body as its blocks of readable text.
 * @throws ParseError `unreadable-body` (binary or damaged, or over a bound of parsing), `not-html`, `no-text`
 */
export function parseDocument(body: string, contentType: ContentType): ParsedDocument {
  return finish(parseInSlices(body, contentType));
}

/** {@link parseDocument} as work that can be interrupted. */
export function* parseInSlices(body: string, contentType: ContentType): Sliced<ParsedDocument> {
  yield* refuseUnreadable(body);
  const blocks = yield* parsers[contentType](body);
  if (blocks.length === 0) throw new ParseError("no-text", "the body has no readable text");
  return { body, blocks };
}

const parsers: Record<ContentType, (body: string) => Sliced<readonly ParsedBlock[]>> = {
  "text/plain": parsePlain,
  "text/markdown": parseMarkdown,
  "text/html": parseHtml,
};

/** Paragraphs between blank lines. */
function* parsePlain(body: string): Sliced<readonly ParsedBlock[]> {
  const blocks: ParsedBlock[] = [];
  const headingPath: readonly string[] = [];
  const line = /[^\r\n]*(?:\r\n|\r|\n|$)/y;
  let start = -1;
  let end = 0;
  const flush = (): void => {
    if (start < 0) return;
    const text = body.slice(start, end);
    if (isVisible(text)) {
      blocks.push({ text, startChar: start, endChar: end, headingPath, exact: true, adjoins: blocks.length > 0 });
    }
    start = -1;
  };
  for (let at = 0; at < body.length; ) {
    yield;
    line.lastIndex = at;
    const length = line.exec(body)?.[0].length ?? 0;
    const content = body.slice(at, at + length);
    const trimmed = content.trim();
    if (trimmed === "") {
      flush();
    } else {
      if (start < 0) start = at + content.indexOf(trimmed);
      end = at + content.trimEnd().length;
    }
    at += length;
  }
  flush();
  return blocks;
}

/** One damaged character in this many makes a body unreadable. */
const damagedShare = 100;
/** So many damaged characters are borne by a body of any length. */
const damagedAllowed = 4;

const damagedCharacter = /(?![\t\n\r\f\v\u0085])[\p{Cc}\p{Cs}\ufffd\ufffe\uffff]/gu;

/** Refuses binary data and text decoded from the wrong encoding, before it fills the index with noise. */
function* refuseUnreadable(body: string): Sliced<void> {
  if (body.includes("\0")) throw new ParseError("unreadable-body", "the body holds a NUL character");
  let damaged = 0;
  for (let from = 0; from < body.length; ) {
    // Never between the halves of a surrogate pair: each would look damaged.
    const to = wholeCharacter(body, Math.min(from + sliceChars, body.length));
    damaged += body.slice(from, to).match(damagedCharacter)?.length ?? 0;
    from = to;
    yield;
  }
  if (damaged > damagedAllowed && damaged * damagedShare > body.length) {
    throw new ParseError("unreadable-body", `${damaged} characters of the body are control or replacement characters`);
  }
}
