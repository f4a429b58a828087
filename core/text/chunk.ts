import { limits } from "../limits.ts";
import { splitToFit } from "./cut.ts";
import { Filling } from "./filling.ts";
import { isVisible, visibleText } from "./invisible.ts";
import { ParseError } from "./parse-error.ts";
import type { ParsedBlock, ParsedDocument } from "./parsed.ts";
import { finish, type Sliced } from "./slices.ts";

/** Changes whenever {@link chunkDocument} may cut some document otherwise; part of every fingerprint. */
export const chunkerVersion = "chunker-2";

/** A chunk is filled up to about this many tokens of the encoder, when its limit allows them. */
export const targetTokens = 200;

/** A last chunk of a section with fewer tokens joins the one before it, when both fit the encoder together. */
export const smallTokens = 40;

/**
 * So many characters count as a token at least, whatever the encoder counts: to some a word of any length is one token and white space
 * is none, and a passage of a megabyte would pass every budget. Text that people read has about five. UTF-16 code units.
 */
export const mostCharsPerToken = 16;

/** A block longer than this is cut without being measured first, UTF-16 code units. */
const measuredChars = 20_000;

/** One passage of a document, before it is embedded. */
export interface Chunk {
  /**
   * Not empty. `visibleText(body.slice(startChar, endChar))`, trimmed, wherever the format shows its source and nothing else was
   * taken out of the range; without invisible characters that is the slice itself.
   */
  readonly text: string;
  readonly headingPath: readonly string[];
  /** UTF-16 offsets into the body; the end is exclusive. */
  readonly startChar: number;
  readonly endChar: number;
  /** Tokens of `text`; at least one for {@link mostCharsPerToken} characters. */
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
  const parts = [title, ...headingPath].map((part) => visibleText(part).trim());
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
 * @throws ParseError `too-many-chunks` over {@link limits.chunksPerDocument}, as soon as the first one over it is cut;
 * `indexing-failed` when title and headings leave the encoder no room
 */
export function chunkDocument(parsed: ParsedDocument, options: ChunkOptions): Chunk[] {
  return finish(chunkInSlices(parsed, options));
}

/** {@link chunkDocument} as work that can be interrupted. */
export function* chunkInSlices(parsed: ParsedDocument, options: ChunkOptions): Sliced<Chunk[]> {
  const chunks: Chunk[] = [];
  for (const section of sectionsOf(parsed.blocks)) {
    yield;
    yield* new SectionPacker(parsed.body, section, options).pack(chunks);
  }
  return chunks;
}

function* sectionsOf(blocks: readonly ParsedBlock[]): Generator<readonly ParsedBlock[], void, undefined> {
  for (let from = 0; from < blocks.length; ) {
    let to = from + 1;
    while (to < blocks.length && blocks[to]?.headingPath === blocks[from]?.headingPath) to++;
    yield blocks.slice(from, to);
    from = to;
  }
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
    this.#count = (text) => {
      const visible = visibleText(text).trim();
      return Math.max(options.countTokens(visible), Math.ceil(visible.length / mostCharsPerToken));
    };
    const context = options.countTokens(embeddingInput(options.title, this.#headingPath, ""));
    this.#hardTokens = options.maxTokens - context;
    if (this.#hardTokens < options.maxTokens / 8) {
      throw new ParseError("indexing-failed", `title and headings leave no room in ${options.maxTokens} tokens`);
    }
    this.#targetTokens = Math.min(targetTokens, this.#hardTokens);
  }

  *pack(chunks: Chunk[]): Sliced<void> {
    const packed: Piece[] = [];
    const push = (piece: Piece): void => {
      packed.push(piece);
      if (chunks.length + packed.length > limits.chunksPerDocument) throw tooManyChunks();
    };
    const filling = new Filling<Piece>(this.#targetTokens, (pieces) => this.#count(this.#joined(pieces).text));
    for (const block of this.#section) {
      for (const piece of this.#pieces(block)) {
        yield;
        for (const { units, tokens } of filling.add(piece, piece.tokens)) push({ ...this.#joined(units), tokens });
      }
    }
    const rest = filling.end().map(({ units, tokens }) => ({ ...this.#joined(units), tokens }));
    for (const piece of rest.slice(0, -1)) push(piece);
    const last = rest.at(-1);
    if (last !== undefined) push(this.#withSmall(packed, last));
    for (const { text, startChar, endChar, tokens } of packed) {
      chunks.push({ text: visibleText(text).trim(), headingPath: this.#headingPath, startChar, endChar, tokens });
    }
  }

  /** The last piece of a section, joined to the one before it, which is taken out, when it is small and both fit. */
  #withSmall(packed: Piece[], last: Piece): Piece {
    const before = packed.at(-1);
    if (before === undefined || last.tokens >= smallTokens) return last;
    const joined = this.#joined([before, last]);
    const tokens = this.#count(joined.text);
    if (tokens > this.#hardTokens) return last;
    packed.pop();
    return { ...joined, tokens };
  }

  /** The whole block when it fits a chunk, else its sentences. */
  *#pieces(block: ParsedBlock): Generator<Piece, void, undefined> {
    // A very long block is not even measured: that alone would take long.
    if (block.text.length <= measuredChars) {
      const tokens = this.#count(block.text);
      if (tokens <= this.#targetTokens) {
        yield { ...block, tokens };
        return;
      }
    }
    let adjoins = block.adjoins;
    for (const { from, to } of splitToFit(block.text, this.#targetTokens, this.#count)) {
      const text = block.text.slice(from, to);
      if (!isVisible(text)) continue;
      // Inside a block from which something was taken out, an offset of a part is not known: its range is the block's.
      const startChar = block.exact ? block.startChar + from : block.startChar;
      const endChar = block.exact ? block.startChar + to : block.endChar;
      yield { text, startChar, endChar, tokens: this.#count(text), exact: block.exact, adjoins };
      adjoins = true;
    }
  }

  /** Neighbours as one; its tokens are not counted yet. */
  #joined(pieces: readonly Piece[]): Omit<Piece, "tokens"> {
    const [first, ...others] = pieces;
    if (first === undefined) throw new Error("nothing to join");
    let { text, startChar, endChar, exact, adjoins } = first;
    for (const next of others) {
      exact &&= next.exact && next.adjoins;
      const inBlock = startChar === next.startChar && !next.exact;
      endChar = Math.max(endChar, next.endChar);
      text = exact ? this.#body.slice(startChar, endChar) : `${text}${inBlock ? " " : "\n\n"}${next.text}`;
    }
    return { text, startChar, endChar, exact, adjoins };
  }
}

const tooManyChunks = (): ParseError =>
  new ParseError("too-many-chunks", `chunksPerDocument: at most ${limits.chunksPerDocument} chunks of one document`);
