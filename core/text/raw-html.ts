import { elementHides, voidElements } from "./hidden.ts";
import { ParseError } from "./parse-error.ts";
import { type Sliced, sliceChars } from "./slices.ts";

/** Raw HTML inside Markdown: what of it a reader sees. Carries an open hidden element from one piece of text to the next. */
export class RawHtml {
  /** Element that hides what follows, and how many of the same name are open inside it. */
  #hiding: { readonly name: string; depth: number } | undefined;
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
    if (!text.includes("<")) return this.hidden ? "" : text;
    const kept: string[] = [];
    let from = 0;
    const code = codeSpans ? new CodeSpans(text) : undefined;
    let commentEnds = true;
    let rest = sliceChars;
    for (let at = 0; at < text.length; at++) {
      if (--rest === 0) {
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
      if (character !== "<") continue;
      let end = -1;
      if (commentEnds && text.startsWith("<!--", at)) {
        const close = text.indexOf("-->", at + 4);
        // Never look for a missing end twice.
        commentEnds = close >= 0;
        end = close < 0 ? -1 : close + 3;
        if (end > 0 && !this.hidden) kept.push(text.slice(from, at));
      } else {
        const tag = this.#tag(text, at);
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
    if (this.#hiding === undefined) {
      if (tag.closing || voidElements.has(tag.name)) return;
      const attributes = attributesOf(tag.attributes);
      if (elementHides(tag.name, (name) => attributes.get(name))) this.#hiding = { name: tag.name, depth: 1 };
    } else if (tag.name === this.#hiding.name) {
      this.#hiding.depth += tag.closing ? -1 : 1;
      if (this.#hiding.depth === 0) this.#hiding = undefined;
    }
  }

  #tag(text: string, at: number): Tag | undefined {
    tagStart.lastIndex = at;
    const start = tagStart.exec(text);
    if (start === null) return declarationAt(text, at, (chars) => this.#spend(chars));
    let quote = "";
    for (let i = tagStart.lastIndex; i < text.length; i++) {
      this.#spend(1);
      const character = text[i] ?? "";
      if (quote !== "") {
        if (character === quote) quote = "";
      } else if (character === '"' || character === "'") {
        quote = character;
      } else if (character === "<") {
        return undefined;
      } else if (character === ">") {
        const name = (start[2] ?? "").toLowerCase();
        return { name, closing: start[1] === "/", attributes: text.slice(tagStart.lastIndex, i), end: i + 1 };
      }
    }
    return undefined;
  }

  #spend(chars: number): void {
    this.#work -= chars;
    if (this.#work < 0) throw new ParseError("unreadable-body", "too many tags that never end");
  }
}

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

function attributesOf(source: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const match of source.matchAll(/([^\s"'=/>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?/g)) {
    const name = (match[1] ?? "").toLowerCase();
    if (!attributes.has(name)) attributes.set(name, match[2] ?? match[3] ?? match[4] ?? "");
  }
  return attributes;
}

/** Code spans of a paragraph: a run of backticks up to the next run of the same length (CommonMark 0.31, section 6.1). */
class CodeSpans {
  readonly #text: string;
  /** Starts of the runs of each length, made at the first need, so that no search is done twice. */
  #runs: Map<number, number[]> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** @returns where the span that begins with the run at `at` ends, or the end of the run when it begins none. */
  end(at: number): number {
    const length = runLength(this.#text, at);
    this.#runs ??= backtickRuns(this.#text);
    const starts = this.#runs.get(length) ?? [];
    // Runs are asked for from left to right: what lies behind is never needed again.
    let close = starts.at(-1);
    while (close !== undefined && close <= at) {
      starts.pop();
      close = starts.at(-1);
    }
    return close === undefined ? at + length : close + length;
  }
}

function runLength(text: string, at: number): number {
  let end = at;
  while (text[end] === "`") end++;
  return end - at;
}

/** Starts by length, last first. */
function backtickRuns(text: string): Map<number, number[]> {
  const runs = new Map<number, number[]>();
  for (const match of text.matchAll(/`+/g)) {
    const starts = runs.get(match[0].length);
    if (starts === undefined) runs.set(match[0].length, [match.index]);
    else starts.push(match.index);
  }
  for (const starts of runs.values()) starts.reverse();
  return runs;
}
