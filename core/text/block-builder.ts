import { isVisible, visibleText } from "./invisible.ts";
import type { ParsedBlock } from "./parsed.ts";

/** Longest heading in a heading path, UTF-16 code units. A longer one is clipped there and kept whole as a block of its own. */
export const headingChars = 200;

interface Span {
  readonly text: string;
  readonly startChar: number;
  readonly endChar: number;
  readonly exact: boolean;
}

/** Collects blocks and keeps the heading path. Both markup parsers feed it in document order. */
export class BlockBuilder {
  readonly blocks: ParsedBlock[] = [];
  readonly #levels: (string | undefined)[] = [];
  #path: readonly string[] = [];
  #adjoins = false;
  /** A heading that no text has followed yet. */
  #open: { readonly level: number; readonly span: Span; readonly path: readonly string[] } | undefined;

  /** Says that something between the last block and the next one must not be shown. */
  gap(): void {
    this.#adjoins = false;
  }

  /** Adds readable text; white space and invisible characters alone are ignored. */
  add(span: Span): void {
    if (!isVisible(span.text)) return;
    this.#open = undefined;
    this.#push(span, this.#path);
  }

  /**
   * Starts a section.
   * @param level 0 (page title) … 6
   * @param heading plain text; an empty heading is ignored
   * @param span the heading as a block, for the case that nothing follows it
   */
  heading(level: number, heading: string, span: Span): void {
    // Only what can end up in a path is worth cleaning.
    const head = heading.trimStart().slice(0, 8 * headingChars);
    const name = visibleText(head).replace(/\s+/g, " ").trim();
    if (name.length === 0) {
      if (isVisible(heading)) this.add(span);
      return;
    }
    if (this.#open !== undefined && level <= this.#open.level) this.#flushHeading();
    this.#levels.length = level;
    this.#levels.push(clip(name));
    this.#path = this.#levels.filter((part) => part !== undefined);
    this.#adjoins = false;
    if (name.length > headingChars || head.length === 8 * headingChars) {
      this.#open = undefined;
      this.#push(span, this.#path);
    } else {
      this.#open = { level, span, path: this.#path };
    }
  }

  /** All blocks; a last heading without text becomes one. */
  finish(): readonly ParsedBlock[] {
    this.#flushHeading();
    return this.blocks;
  }

  #flushHeading(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#push(open.span, open.path);
  }

  #push(span: Span, headingPath: readonly string[]): void {
    const adjoins = this.#adjoins && this.blocks.at(-1)?.headingPath === headingPath;
    this.blocks.push({ ...span, headingPath, adjoins });
    this.#adjoins = true;
  }
}

function clip(name: string): string {
  if (name.length <= headingChars) return name;
  const cut = name.slice(0, headingChars - 1);
  // Never half of a surrogate pair.
  return `${cut.isWellFormed() ? cut : cut.slice(0, -1)}…`;
}
