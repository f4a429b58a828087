import { type DefaultTreeAdapterTypes, defaultTreeAdapter, html, Parser } from "parse5";
import { limits } from "../limits.ts";
import { BlockBuilder } from "./block-builder.ts";
import { wholeCharacter } from "./cut.ts";
import { elementHides } from "./hidden.ts";
import { isVisible, visibleText } from "./invisible.ts";
import { ParseError } from "./parse-error.ts";
import type { ParsedBlock } from "./parsed.ts";
import { type Sliced, sliceChars } from "./slices.ts";

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;
type TextNode = DefaultTreeAdapterTypes.TextNode;

const inline = new Set(
  (
    "a abbr acronym b bdi bdo big button cite code data del dfn em font i ins kbd label mark math nobr output q rb rp rt ruby " +
    "s samp small span strike strong sub sup time tt u var wbr img input meter progress"
  ).split(" "),
);
const headingLevel: ReadonlyMap<string, number> = new Map([
  ["title", 0],
  ["h1", 1],
  ["h2", 2],
  ["h3", 3],
  ["h4", 4],
  ["h5", 5],
  ["h6", 6],
]);

/**
 * The readable blocks of an HTML body. What a reader of the rendered page would not see is dropped.
 * @throws ParseError `not-html` when the body has no HTML element, `unreadable-body` over {@link limits.htmlDepth} or
 * {@link limits.htmlElements}
 */
export function* parseHtml(body: string): Sliced<readonly ParsedBlock[]> {
  const root = yield* parseTree(body);
  const walk = new Walk();
  // An explicit stack: depth must cost no call frames. A string is the end of that element.
  const stack: (Node | { readonly close: Element })[] = [root];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    yield;
    if ("close" in next) {
      walk.close(next.close);
    } else if (isText(next)) {
      yield* walk.text(next);
    } else if (isElement(next)) {
      if (!walk.open(next)) continue;
      stack.push({ close: next });
      for (let i = next.childNodes.length - 1; i >= 0; i--) pushChild(stack, next.childNodes[i]);
    } else if ("childNodes" in next) {
      for (let i = next.childNodes.length - 1; i >= 0; i--) pushChild(stack, next.childNodes[i]);
    }
  }
  if (!walk.sawElement) throw new ParseError("not-html", "the body has no HTML element");
  return walk.finish();
}

/** So much of a body is given to parse5 at once, UTF-16 code units: with the bounds on the tree, some ten milliseconds. */
const writtenChars = 4_096;

/** parse5 reads a body piece by piece, as it does for streams. */
function* parseTree(body: string): Sliced<DefaultTreeAdapterTypes.Document> {
  const parser = new Parser({ sourceCodeLocationInfo: true, treeAdapter: boundedAdapter() });
  for (let at = 0; at < body.length; at += writtenChars) {
    parser.tokenizer.write(body.slice(at, at + writtenChars), at + writtenChars >= body.length);
    yield;
  }
  return parser.document;
}

function pushChild(stack: (Node | { readonly close: Element })[], child: Node | undefined): void {
  if (child !== undefined) stack.push(child);
}

const isText = (node: Node): node is TextNode => node.nodeName === "#text";
const isElement = (node: Node): node is Element => "tagName" in node;

/** parse5's own tree, refused once it is nested or repeated so far that parsing would stop being linear. */
function boundedAdapter(): typeof defaultTreeAdapter {
  const depths = new WeakMap<object, number>();
  let elements = 0;
  const note = (parent: object, node: object): void => {
    const depth = (depths.get(parent) ?? 0) + 1;
    if (depth > limits.htmlDepth) {
      throw new ParseError("unreadable-body", `htmlDepth: at most ${limits.htmlDepth} nested elements`);
    }
    depths.set(node, depth);
  };
  return {
    ...defaultTreeAdapter,
    createElement(tagName, namespaceURI, attrs) {
      elements++;
      if (elements > limits.htmlElements) {
        throw new ParseError("unreadable-body", `htmlElements: at most ${limits.htmlElements} elements`);
      }
      return defaultTreeAdapter.createElement(tagName, namespaceURI, attrs);
    },
    appendChild(parent, node) {
      note(parent, node);
      defaultTreeAdapter.appendChild(parent, node);
    },
    insertBefore(parent, node, reference) {
      note(parent, node);
      defaultTreeAdapter.insertBefore(parent, node, reference);
    },
  };
}

/** Turns the walk over the tree into blocks: block elements break the text, inline ones do not. */
class Walk {
  sawElement = false;
  readonly #builder = new BlockBuilder();
  #parts: string[] = [];
  #start = -1;
  #end = -1;
  #heading: Element | undefined;
  #preformatted = 0;
  #cells = 0;

  /** @returns false when the element and all it holds are not shown. */
  open(element: Element): boolean {
    const name = element.tagName;
    const known = html.getTagID(name) !== html.TAG_ID.UNKNOWN;
    if (known && element.sourceCodeLocation != null) this.sawElement = true;
    const attribute = (wanted: string): string | undefined => element.attrs.find((item) => item.name === wanted)?.value;
    if (elementHides(name, attribute)) return false;
    if (name === "br" || name === "hr") this.#parts.push("\n");
    if (inline.has(name) || name === "br") return true;
    if (name === "td" || name === "th") {
      // The cells of a row stay together: apart they would mean nothing.
      if (this.#cells++ > 0) this.#add(" | ");
      return true;
    }
    this.#flush();
    if (name === "tr") this.#cells = 0;
    if (name === "pre" || name === "textarea") this.#preformatted++;
    if (headingLevel.has(name) && this.#heading === undefined) this.#heading = element;
    return true;
  }

  close(element: Element): void {
    const name = element.tagName;
    if (inline.has(name) || name === "br" || name === "td" || name === "th") return;
    this.#flush();
    if (name === "pre" || name === "textarea") this.#preformatted--;
    if (this.#heading === element) this.#heading = undefined;
  }

  *text(node: TextNode): Sliced<void> {
    const location = node.sourceCodeLocation;
    if (location == null) return;
    for (let from = 0; from < node.value.length; ) {
      const to = wholeCharacter(node.value, Math.min(from + sliceChars, node.value.length));
      this.#add(visibleText(node.value.slice(from, to)));
      from = to;
      yield;
    }
    if (!isVisible(node.value)) return;
    if (this.#start < 0) this.#start = location.startOffset;
    this.#end = Math.max(this.#end, location.endOffset);
  }

  /** Outside of preformatted text, white space of any length counts as one space. */
  #add(part: string): void {
    if (this.#preformatted > 0) {
      this.#parts.push(part);
      return;
    }
    const text = part.replace(/[ \t\r\n\f]+/g, " ");
    const rest = text.startsWith(" ") && this.#parts.at(-1)?.endsWith(" ") === true ? text.slice(1) : text;
    if (rest !== "") this.#parts.push(rest);
  }

  finish(): readonly ParsedBlock[] {
    this.#flush();
    return this.#builder.finish();
  }

  #flush(): void {
    const text = this.#parts.join("").trim();
    const span = { text, startChar: this.#start, endChar: this.#end, exact: false };
    this.#parts = [];
    this.#start = -1;
    this.#end = -1;
    if (span.startChar < 0 || text.length === 0) return;
    const level = this.#heading === undefined ? undefined : headingLevel.get(this.#heading.tagName);
    if (level === undefined) this.#builder.add(span);
    else this.#builder.heading(level, text, span);
  }
}
