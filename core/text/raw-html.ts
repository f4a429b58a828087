import { attributesOf } from "./attributes.ts";
import { CodeSpans } from "./code-spans.ts";
import { elementHides, hidingAttribute, rawTextElements, unseenElements, voidElements } from "./hidden.ts";
import { visibleText } from "./invisible.ts";
import { ParseError } from "./parse-error.ts";
import { type Sliced, sliceChars } from "./slices.ts";

/** Raw HTML inside Markdown: what of it a reader sees. Carries an open hidden element from one piece of text to the next. */
export class RawHtml {
  #hiding: Hiding | undefined;
  #work: number;

  /** @param bodyChars length of the whole body: bounds the work on hostile tags, which could be quadratic otherwise. */
  constructor(bodyChars: number) {
    this.#work = 32 * bodyChars + 10_000;
  }

  /** True while what comes next is hidden. */
  get hidden(): boolean {
    return this.#hiding !== undefined;
  }

  /** Forgets an open hidden element: the paragraph that it began in has ended. */
  release(): void {
    this.#hiding = undefined;
  }

  /**
   * Takes tags, comments and hidden content out of a text.
   * @param codeSpans true where Markdown code spans may stand, whose content is text
   * @returns the text itself when there was nothing to take out
   * @throws ParseError `unreadable-body` when unclosed tags make the work more than linear
   */
  *visible(text: string, codeSpans: boolean): Sliced<string> {
    if (!text.includes("<") && (this.hidden || !codeSpans || !text.includes("&"))) return this.hidden ? "" : text;
    const kept: string[] = [];
    let from = 0;
    const code = codeSpans ? new CodeSpans(text) : undefined;
    let commentEnds = true;
    let rest = sliceChars;
    for (let at = 0; at < text.length; at++) {
      if (--rest <= 0) {
        yield;
        rest = sliceChars;
      }
      const character = text[at];
      if (character === "`" && code !== undefined && !this.hidden) {
        at = code.end(at) - 1;
        continue;
      }
      if (character === "\\" && codeSpans) {
        at++;
        continue;
      }
      if (character === "&" && codeSpans && !this.hidden) {
        const length = invisibleReference(text, at);
        if (length === 0) continue;
        kept.push(text.slice(from, at));
        from = at + length;
        at = from - 1;
        continue;
      }
      if (character !== "<") continue;
      let end = -1;
      if (commentEnds && text.startsWith("<!--", at)) {
        const close = text.indexOf("-->", at + 4);
        // Never look for a missing end twice.
        commentEnds = close >= 0;
        end = close < 0 ? -1 : close + 3;
        if (end > 0 && !this.hidden) kept.push(text.slice(from, at));
      } else {
        const before = this.#work;
        const tag = this.#tag(text, at, codeSpans);
        rest -= before - this.#work;
        if (tag === undefined) continue;
        end = tag.end;
        if (!this.hidden) kept.push(text.slice(from, at));
        this.#apply(tag);
      }
      if (end < 0) continue;
      from = end;
      at = end - 1;
    }
    if (!this.hidden) kept.push(text.slice(from));
    return kept.join("");
  }

  #apply(tag: Tag): void {
    if (this.#hiding !== undefined) {
      if (this.#hiding.ends(tag)) this.#hiding = undefined;
      return;
    }
    if (tag.closing || voidElements.has(tag.name)) return;
    const telling = hidingAttribute.test(tag.attributes);
    if (!telling && tag.name !== "dialog" && !unseenElements.has(tag.name)) return;
    const attributes = telling ? attributesOf(tag.name, tag.attributes) : new Map<string, string>();
    if (elementHides(tag.name, (name) => attributes.get(name))) this.#hiding = new Hiding(tag.name);
  }

  /**
   * @param inline true in a paragraph, where a tag with a stray `<` is text (CommonMark); in a block of HTML the browser reads it,
   * for which a quote means something only behind `=`
   */
  #tag(text: string, at: number, inline: boolean): Tag | undefined {
    tagStart.lastIndex = at;
    const start = tagStart.exec(text);
    if (start === null) return declarationAt(text, at, (chars) => this.#spend(chars));
    let quote = "";
    let equals = false;
    for (let i = tagStart.lastIndex; i < text.length; i++) {
      this.#spend(1);
      const character = text[i] ?? "";
      if (quote !== "") {
        if (character === quote) quote = "";
      } else if ((character === '"' || character === "'") && equals) {
        quote = character;
      } else if (character === "<" && inline) {
        return undefined;
      } else if (character === ">") {
        const name = (start[2] ?? "").toLowerCase();
        return { name, closing: start[1] === "/", attributes: text.slice(tagStart.lastIndex, i), end: i + 1 };
      }
      equals = character === "=" || (equals && /\s/.test(character));
    }
    return undefined;
  }

  #spend(chars: number): void {
    this.#work -= chars;
    if (this.#work < 0) throw new ParseError("unreadable-body", "too many tags that never end");
  }
}

/**
 * A hidden element, up to its end tag. An end tag counts only when every block that began inside has ended, as far as a browser
 * would let it through: `<span hidden><div></span>` is still hidden, and so is what stands behind a `</div>` inside a script.
 */
class Hiding {
  readonly #name: string;
  /** Elements that are open inside, by name. */
  readonly #open = new Map<string, number>();
  #blocks = 0;
  /** The script or the like that is open: nothing in it is markup. */
  #raw: string | undefined;

  constructor(name: string) {
    this.#name = name;
    if (rawTextElements.has(name)) this.#raw = name;
  }

  /** @returns true when the tag ends the element */
  ends(tag: Tag): boolean {
    if (this.#raw !== undefined) {
      if (!tag.closing || tag.name !== this.#raw) return false;
      this.#raw = undefined;
      return tag.name === this.#name;
    }
    if (!tag.closing) {
      if (rawTextElements.has(tag.name)) this.#raw = tag.name;
      else if (!voidElements.has(tag.name)) this.#count(tag.name, 1);
      return false;
    }
    if ((this.#open.get(tag.name) ?? 0) > 0) this.#count(tag.name, -1);
    else return tag.name === this.#name && this.#blocks === 0;
    return false;
  }

  #count(name: string, by: number): void {
    this.#open.set(name, (this.#open.get(name) ?? 0) + by);
    if (barriers.has(name)) this.#blocks += by;
  }
}

/** Elements that an end tag of another name does not reach through. */
const barriers: ReadonlySet<string> = new Set(
  (
    "address applet article aside blockquote button caption center details dialog div dl fieldset figure footer form header hgroup " +
    "main marquee menu nav object ol section select table template td th ul"
  ).split(" "),
);

/** Length of a character reference to something that cannot be seen, which begins here; 0 for any other text. */
function invisibleReference(text: string, at: number): number {
  reference.lastIndex = at;
  const match = reference.exec(text);
  if (match === null) return 0;
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  if (match[3] !== undefined) return match[0].length;
  return code > 0 && code <= 0x10ffff && visibleText(String.fromCodePoint(code)) === "" ? match[0].length : 0;
}

const reference =
  /&(?:#[xX]([0-9a-fA-F]{1,6})|#(\d{1,7})|(shy|ZeroWidthSpace|NoBreak|lrm|rlm|ApplyFunction|InvisibleTimes|InvisibleComma));/y;

interface Tag {
  readonly name: string;
  readonly closing: boolean;
  readonly attributes: string;
  readonly end: number;
}

// An autolink (`<https://…>`, `<a@b.c>`) is not a tag: a name ends at white space, `/` or `>`.
const tagStart = /<(\/?)([A-Za-z][A-Za-z0-9-]*)(?=[\s/>])/y;

/** `<?…>`, `<!DOCTYPE…>`: shown by no browser. */
function declarationAt(text: string, at: number, spend: (chars: number) => void): Tag | undefined {
  if (!/^<(?:\?|![A-Za-z[])/.test(text.slice(at, at + 3))) return undefined;
  const close = text.indexOf(">", at);
  spend((close < 0 ? text.length : close) - at);
  return close < 0 ? undefined : { name: "!", closing: true, attributes: "", end: close + 1 };
}
