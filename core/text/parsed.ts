/** One readable piece of a document: a paragraph, list item, table row, code block or a heading without text below it. */
export interface ParsedBlock {
  /** Not empty, not only white space. */
  readonly text: string;
  /** UTF-16 offsets into the body; the end is exclusive. They cover the text and what was taken out inside it. */
  readonly startChar: number;
  readonly endChar: number;
  /** Headings above the block, outermost first. Blocks of one section share the same array object. */
  readonly headingPath: readonly string[];
  /** True when `text` is the body between the offsets. */
  readonly exact: boolean;
  /** True when the body between the block before and this one may be shown too: it holds nothing that was taken out. */
  readonly adjoins: boolean;
}

/** A document as its readable blocks, in order. */
export interface ParsedDocument {
  readonly body: string;
  readonly blocks: readonly ParsedBlock[];
}
