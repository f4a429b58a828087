import { limits } from "../limits.ts";
import { splitToFit } from "./cut.ts";
import { ParseError } from "./parse-error.ts";
import type { ParsedBlock, ParsedDocument } from "./parsed.ts";

/** Changes whenever {@link chunkDocument} may cut some document otherwise; part of every fingerprint. */
export const chunkerVersion = "chunker-1";

/** A chunk is filled up to about this many tokens of the encoder, when its limit allows them. */
export const targetTokens = 200;

/** A last chunk of a section with fewer tokens joins the one before it, when both fit the encoder together. */
export const smallTokens = 40;

/** One passage of a document, before it is embedded. */
export interface Chunk {
  /** Not empty. `body.slice(startChar, endChar)` wherever the format shows its source and nothing was taken out of the range. */
  readonly text: string;
  readonly headingPath: readonly string[];
  /** UTF-16 offsets into the body; the end is exclusive. */
  readonly startChar: number;
  readonly endChar: number;
  /** Tokens of `text`. */
  readonly tokens: number;
}

/** How to cut. */
export interface ChunkOptions {
  readonly title: string;
  /** The encoder's longest input; title, headings and text together never exceed it. */
  readonly maxTokens: number;
  readonly countTokens: (text: string) => number;
}

/**
 * What is embedded for a chunk: title, headings and text, one under the other. Title and headings are clipped together, so
 * that they leave room for the text; a heading that repeats the title is left out.
 */
export function embeddingInput(title: string, headingPath: readonly string[], text: string): string {
  const context = contextOf(title, headingPath);
  return context === "" ? text : `${context}\n${text}`;
}

/** Room for title and headings in an embedding input; a character outside ASCII, often a token of its own, takes four. */
const contextRoom = 320;

function contextOf(title: string, headingPath: readonly string[]): string {
  const parts = [title, ...headingPath].map((part) => part.trim());
  const distinct = parts.filter((part, index) => part !== "" && parts.indexOf(part) === index);
  let room = contextRoom;
  const lines: string[] = [];
  for (const part of distinct) {
    let end = 0;
    for (const character of part) {
      const cost = character < "\u0080" ? 1 : 4;
      if (room < cost) break;
      room -= cost;
      end += character.length;
    }
    if (end > 0) lines.push(part.slice(0, end));
  }
  return lines.join("\n");
}

/**
 * Cuts a document into chunks: sections by their headings, sections into paragraphs, paragraphs over the target into sentences,
 * a sentence over the limit at words. Every readable character that is not white space is in a chunk or, for headings, in a path.
 * @throws ParseError `too-many-chunks` over {@link limits.chunksPerDocument}; `indexing-failed` when title and headings leave the
 * encoder no room
 */
export function chunkDocument(parsed: ParsedDocument, options: ChunkOptions): Chunk[] {
  const chunks: Chunk[] = [];
  for (const section of sectionsOf(parsed.blocks)) {
    new SectionPacker(parsed.body, section, options).pack(chunks);
    if (chunks.length > limits.chunksPerDocument) {
      throw new ParseError(
        "too-many-chunks",
        `chunksPerDocument: at most ${limits.chunksPerDocument} chunks of one document`,
      );
    }
  }
  return chunks;
}

function sectionsOf(blocks: readonly ParsedBlock[]): ParsedBlock[][] {
  const sections: ParsedBlock[][] = [];
  for (const block of blocks) {
    const section = sections.at(-1);
    if (section?.[0]?.headingPath === block.headingPath) section.push(block);
    else sections.push([block]);
  }
  return sections;
}

/** A run of blocks, or a part of one. */
interface Piece {
  readonly text: string;
  readonly startChar: number;
  readonly endChar: number;
  readonly tokens: number;
  readonly exact: boolean;
  readonly adjoins: boolean;
}

/** Fills the chunks of one section. */
class SectionPacker {
  readonly #body: string;
  readonly #section: readonly ParsedBlock[];
  readonly #headingPath: readonly string[];
  readonly #count: (text: string) => number;
  readonly #hardTokens: number;
  readonly #targetTokens: number;

  constructor(body: string, section: readonly ParsedBlock[], options: ChunkOptions) {
    this.#body = body;
    this.#section = section;
    this.#headingPath = section[0]?.headingPath ?? [];
    this.#count = options.countTokens;
    const context = options.countTokens(embeddingInput(options.title, this.#headingPath, ""));
    this.#hardTokens = options.maxTokens - context;
    if (this.#hardTokens < options.maxTokens / 8) {
      throw new ParseError("indexing-failed", `title and headings leave no room in ${options.maxTokens} tokens`);
    }
    this.#targetTokens = Math.min(targetTokens, this.#hardTokens);
  }

  pack(chunks: Chunk[]): void {
    const packed: Piece[] = [];
    let current: Piece | undefined;
    for (const block of this.#section) {
      for (const piece of this.#pieces(block)) {
        const joined = current === undefined ? piece : this.#join(current, piece);
        if (current === undefined || joined.tokens <= this.#targetTokens) {
          current = joined;
        } else {
          packed.push(current);
          current = piece;
        }
        if (chunks.length + packed.length > limits.chunksPerDocument) break;
      }
    }
    if (current !== undefined) this.#pushLast(packed, current);
    for (const { text, startChar, endChar, tokens } of packed) {
      chunks.push({ text, headingPath: this.#headingPath, startChar, endChar, tokens });
    }
  }

  #pushLast(packed: Piece[], last: Piece): void {
    const before = packed.at(-1);
    if (before !== undefined && last.tokens < smallTokens) {
      const joined = this.#join(before, last);
      if (joined.tokens <= this.#hardTokens) {
        packed[packed.length - 1] = joined;
        return;
      }
    }
    packed.push(last);
  }

  /** The whole block when it fits a chunk, else its sentences. */
  #pieces(block: ParsedBlock): readonly Piece[] {
    const tokens = this.#count(block.text);
    if (tokens <= this.#targetTokens) return [{ ...block, tokens }];
    const pieces: Piece[] = [];
    for (const { from, to } of splitToFit(block.text, this.#targetTokens, this.#count)) {
      const text = block.text.slice(from, to);
      pieces.push({
        text,
        // Inside a block from which something was taken out, an offset of a part is not known: its range is the block's.
        startChar: block.exact ? block.startChar + from : block.startChar,
        endChar: block.exact ? block.startChar + to : block.endChar,
        tokens: this.#count(text),
        exact: block.exact,
        adjoins: pieces.length === 0 ? block.adjoins : true,
      });
    }
    return pieces;
  }

  #join(first: Piece, second: Piece): Piece {
    const exact = first.exact && second.exact && second.adjoins;
    const inBlock = first.startChar === second.startChar && !second.exact;
    const text = exact
      ? this.#body.slice(first.startChar, second.endChar)
      : `${first.text}${inBlock ? " " : "\n\n"}${second.text}`;
    return {
      text,
      startChar: first.startChar,
      endChar: Math.max(first.endChar, second.endChar),
      tokens: this.#count(text),
      exact,
      adjoins: first.adjoins,
    };
  }
}
