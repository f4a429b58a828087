import { BlockBuilder, headingChars } from "./block-builder.ts";
import type { ParsedBlock } from "./parsed.ts";
import { RawHtml } from "./raw-html.ts";
import type { Sliced } from "./slices.ts";

/**
 * The readable blocks of a Markdown body: paragraphs, list items, tables and code, as they stand in the source. Front matter,
 * comments, link definitions, tags and hidden elements are left out.
 *
 * Only the block structure of CommonMark matters here, so the lines are read once, front to back, with no look-ahead: a full
 * parser takes quadratic time for nested lists, underlined headings and lazy continuation lines.
 */
export function parseMarkdown(body: string): Sliced<readonly ParsedBlock[]> {
  return new MarkdownReader(body).read();
}

/** Length of the YAML front matter at the top, its fences included; 0 without one. */
export function frontMatterLength(body: string): number {
  const open = /^\uFEFF?---[ \t]*\r?\n/.exec(body);
  if (open === null) return 0;
  const close = /^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/gm;
  close.lastIndex = open[0].length;
  const end = close.exec(body);
  return end === null ? 0 : end.index + end[0].length;
}

interface Fence {
  readonly mark: string;
  readonly length: number;
  readonly start: number;
  readonly indent: number;
  readonly quoted: boolean;
}

interface Paragraph {
  readonly start: number;
  /** Without a quote or list marker: only such a paragraph becomes a heading when it is underlined. */
  readonly plain: boolean;
}

// Quote and list markers in front of a line's own text.
// Nobody means more of them than this; the rest is read as text, so that a line of a megabyte stays cheap.
const containers = /(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$))){0,200}/y;
const fenceOpen = /(`{3,})[^`]*$|(~{3,})/y;
const atx = /#{1,6}(?=[ \t]|$)/y;
const definition = /^\[[^\]]{1,999}\]:/;
// CommonMark 0.31, section 4.6: tags that begin a block of HTML (conditions 1 and 6; any other whole tag begins one as well).
const htmlBlock = /^<(?:[?!]|\/?[A-Za-z][A-Za-z0-9-]*(?:[\s/>]|$))/;

class MarkdownReader {
  readonly #body: string;
  readonly #builder = new BlockBuilder();
  readonly #html: RawHtml;
  #paragraph: Paragraph | undefined;
  #end = 0;
  #fence: Fence | undefined;
  #listIndent = 0;
  #afterBlank = true;
  /** Inside a comment that began a block; it may hold blank lines. */
  #comment = false;
  /** Inside a block of HTML; it ends at a blank line. */
  #htmlStart: number | undefined;

  constructor(body: string) {
    this.#body = body;
    this.#html = new RawHtml(body.length);
  }

  *read(): Sliced<readonly ParsedBlock[]> {
    const line = /[^\r\n]*(?:\r\n|\r|\n|$)/y;
    let at = frontMatterLength(this.#body);
    while (at < this.#body.length) {
      line.lastIndex = at;
      const length = line.exec(this.#body)?.[0].length ?? 0;
      const text = this.#body.slice(at, at + length).replace(/[\r\n]+$/, "");
      yield;
      yield* this.#line(text, at);
      at += length;
    }
    yield* this.#flush();
    return this.#builder.finish();
  }

  *#line(line: string, at: number): Sliced<void> {
    if (this.#comment) {
      yield* this.#endComment(line, at);
      return;
    }
    containers.lastIndex = 0;
    const prefix = containers.exec(line)?.[0] ?? "";
    const content = line.slice(prefix.length);
    const indent = indentOf(line);
    const blank = content.trim() === "";
    if (this.#fence !== undefined && (yield* this.#inFence(line, at, content, indent, prefix))) return;
    if (blank || (isRule(line) && !this.#underlines(line, prefix))) {
      yield* this.#blank(line, at, prefix);
      return;
    }
    const marked = prefix.trim() !== "";
    if (!marked && this.#afterBlank && indent === 0) this.#listIndent = 0;
    // Indented by four or more beyond its container is code, where no marker means anything.
    const code = !marked && indent >= this.#listIndent + 4;
    const text = content.trimStart();
    const start = at + line.length - line.trimStart().length;
    if (this.#htmlStart !== undefined) {
      this.#end = at + line.length;
    } else if (!code && (yield* this.#special(text, line, prefix, at, start, indent))) {
      // Read as a heading, a fence, HTML or a definition.
    } else {
      if (/[-+*\d.)][ \t]*$/.test(prefix)) yield* this.#flush();
      this.#paragraph ??= { start, plain: !marked && indent < 4 };
      this.#end = at + line.length;
    }
    if (/[-+*.)][ \t]*$/.test(prefix)) this.#listIndent = columns(prefix) + 1;
    this.#afterBlank = false;
  }

  /** @returns true when the line was something other than paragraph text. */
  *#special(text: string, line: string, prefix: string, at: number, start: number, indent: number): Sliced<boolean> {
    if (this.#underlines(line, prefix)) {
      yield* this.#underlined(/=/.test(text) ? 1 : 2);
      return true;
    }
    fenceOpen.lastIndex = 0;
    const fence = fenceOpen.exec(text);
    if (fence !== null) {
      yield* this.#flush();
      const mark = fence[1] ?? fence[2] ?? "";
      const quoted = prefix.includes(">");
      const container = prefix.trim() === "" ? Math.min(indent, this.#listIndent) : columns(prefix) + 1;
      this.#fence = { mark: mark[0] ?? "", length: mark.length, start, indent: quoted ? 0 : container, quoted };
      this.#end = at + line.length;
      return true;
    }
    atx.lastIndex = 0;
    const heading = atx.exec(text);
    if (heading !== null) {
      yield* this.#flush();
      yield* this.#heading(heading[0].length, text.slice(heading[0].length), start, at + line.length);
      return true;
    }
    if (text.startsWith("<!--")) {
      yield* this.#flush();
      this.#comment = true;
      // The comment may end on its own first line, but not within `<!-->`.
      yield* this.#endComment(text.slice(4), at + line.length - text.length + 4);
      return true;
    }
    if (this.#paragraph === undefined && htmlBlock.test(text)) {
      this.#htmlStart = start;
      this.#end = at + line.length;
      return true;
    }
    if (this.#paragraph === undefined && definition.test(text)) {
      this.#builder.gap();
      return true;
    }
    return false;
  }

  *#blank(line: string, at: number, prefix: string): Sliced<void> {
    const hidingHtml = this.#htmlStart !== undefined;
    yield* this.#flush();
    if (hidingHtml || this.#html.hidden) this.#builder.gap();
    if (prefix.trim() !== "" && !isRule(line)) this.#listIndent = columns(prefix) + 1;
    this.#afterBlank = true;
    this.#end = at;
  }

  #underlines(line: string, prefix: string): boolean {
    if (this.#paragraph?.plain !== true) return false;
    const marks = line.trim();
    if (indentOf(line) > 3 || (prefix.trim() !== "" && marks !== "-")) return false;
    return /^(?:=+|-+)$/.test(marks);
  }

  *#inFence(line: string, at: number, content: string, indent: number, prefix: string): Sliced<boolean> {
    const fence = this.#fence;
    if (fence === undefined) return false;
    const left = fence.quoted ? !prefix.includes(">") : content.trim() !== "" && indent < fence.indent;
    if (left) {
      yield* this.#flush();
      return false;
    }
    this.#end = at + line.length;
    const text = fence.quoted ? content.trim() : line.trim();
    const closes = text.length >= fence.length && text === (fence.mark[0] ?? "").repeat(text.length);
    if (closes && (fence.quoted || indent < fence.indent + 4)) yield* this.#flush();
    return true;
  }

  /** Looks for the end of a comment; what stands behind it on the line is HTML again. */
  *#endComment(line: string, at: number): Sliced<void> {
    this.#builder.gap();
    const close = line.indexOf("-->");
    if (close < 0) return;
    this.#comment = false;
    this.#afterBlank = false;
    this.#htmlStart = at + close + 3;
    this.#end = at + line.length;
    yield* this.#flush();
  }

  *#underlined(level: number): Sliced<void> {
    const paragraph = this.#paragraph;
    if (paragraph === undefined) return;
    this.#paragraph = undefined;
    yield* this.#heading(level, this.#body.slice(paragraph.start, this.#end), paragraph.start, this.#end);
  }

  *#heading(level: number, source: string, startChar: number, endChar: number): Sliced<void> {
    if (this.#html.hidden) {
      this.#builder.gap();
      return;
    }
    const text = this.#body.slice(startChar, endChar).trimEnd();
    const shown = yield* this.#html.visible(text, true);
    this.#html.release();
    const span = { text: shown.trim(), startChar, endChar: startChar + text.length, exact: shown === text };
    this.#builder.heading(level, headingText(yield* new RawHtml(source.length).visible(source, true)), span);
  }

  /** Ends the paragraph, the code or the HTML that is being read. */
  *#flush(): Sliced<void> {
    const start = this.#fence?.start ?? this.#htmlStart ?? this.#paragraph?.start;
    const html = this.#htmlStart !== undefined;
    const fence = this.#fence !== undefined;
    this.#fence = undefined;
    this.#htmlStart = undefined;
    this.#paragraph = undefined;
    if (start === undefined) return;
    const raw = this.#body.slice(start, this.#end);
    const wasHidden = this.#html.hidden;
    if (fence) {
      if (wasHidden) this.#builder.gap();
      else this.#builder.add({ text: raw, startChar: start, endChar: this.#end, exact: true });
      return;
    }
    const shown = yield* this.#html.visible(raw, !html);
    // A tag inside a paragraph hides to the end of it; one that begins a block of HTML, until it is closed.
    if (!html && !wasHidden) this.#html.release();
    const text = shown.trim();
    if (shown === raw && !html) {
      const endChar = start + raw.trimEnd().length;
      this.#builder.add({ text: this.#body.slice(start, endChar), startChar: start, endChar, exact: true });
    } else {
      if (html) this.#builder.gap();
      this.#builder.add({ text: text.replace(/\n\s*\n/g, "\n"), startChar: start, endChar: this.#end, exact: false });
      if (html) this.#builder.gap();
    }
  }
}

/** A thematic break: three or more of one mark and nothing else (CommonMark 0.31, section 4.1). */
function isRule(line: string): boolean {
  const mark = line.trimStart()[0] ?? "";
  if (!"*_-".includes(mark) || mark === "") return false;
  let marks = 0;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character === mark) marks++;
    else if (character !== " " && character !== "\t") return false;
  }
  return marks >= 3;
}

/** Columns of leading white space; a tab goes on to the next multiple of four. */
function indentOf(line: string): number {
  let column = 0;
  for (const character of line) {
    if (character === " ") column++;
    else if (character === "\t") column += 4 - (column % 4);
    else break;
  }
  return column;
}

const columns = (prefix: string): number => Math.min(prefix.length, 1_000);

/** A heading as plain text: no closing hashes, no anchors, no emphasis or link marks. */
function headingText(source: string): string {
  // Only what can end up in a path is worth cleaning; the mark behind tells the builder that there was more.
  const head = source.length > 8 * headingChars ? source.slice(0, 8 * headingChars) : source;
  return head
    .trim()
    .replace(/(?:^|[ \t])#+$/, "")
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/g, "$1")
    .replace(/[ \t]*\{#[^{}]*\}$/, "")
    .replace(/&(nbsp|amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? "")
    .replace(/[*`]|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu, "")
    .trim();
}

/** The entities that turn up in headings; a path is shown and embedded as plain text. */
const entities: Readonly<Record<string, string>> = { nbsp: " ", amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
