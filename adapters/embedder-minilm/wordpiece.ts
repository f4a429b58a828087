/** Changes whenever {@link WordPiece} may cut some text otherwise; part of the fingerprint. */
export const tokenizerVersion = "bert-uncased-1";

/** The mark of a piece that continues a word. */
const continued = "##";
/** A longer word is one unknown token, as in the original. */
const longestWord = 100;
/** Words whose tokens are remembered; natural text repeats a few thousand. */
const rememberedWords = 50_000;
/** Longer words are rare and not worth remembering. */
const rememberedChars = 32;

/** Removed: other characters (category C) except the three that count as white space, and the replacement character. */
const removed = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu;
/** Each of them is a word of its own: the blocks that the original calls Chinese. */
const ideograph =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const accent = /\p{Mn}/gu;
/** A run without white space and punctuation, or one mark of punctuation (all ASCII symbols are). */
const words = /[^\s\u0085\p{P}$+<=>^`|~]+|[\p{P}$+<=>^`|~]/gu;
const notAscii = /\P{ASCII}/u;
const control = /(?![\t\n\r])\p{Cc}/gu;

/**
 * The tokenizer of BERT, uncased (Devlin et al. 2018; Wu et al. 2016 for the pieces): lower case, accents removed,
 * ideographs and punctuation alone, then for each word the longest pieces of the vocabulary from its beginning. Names of special
 * tokens in a text are text: no document can write an end mark.
 */
export class WordPiece {
  readonly #ids = new Map<string, number>();
  /** Pieces that continue a word, without their mark. */
  readonly #continuing = new Map<string, number>();
  /** UTF-16 code units of the longest piece: no longer part of a word needs to be looked up. */
  readonly #longestPiece: number;
  readonly #tokens: readonly string[];
  readonly #known = new Map<string, readonly number[]>();
  readonly #unknown: number;
  /** The mark before every text. */
  readonly start: number;
  /** The mark after every text. */
  readonly end: number;

  /**
   * @param vocabulary one token per line; its line, from 0, is its id
   * @throws Error when a special token is missing
   */
  constructor(vocabulary: string) {
    this.#tokens = vocabulary.replace(/\n$/, "").split("\n");
    this.#tokens.forEach((token, id) => {
      this.#ids.set(token, id);
      if (token.startsWith(continued)) this.#continuing.set(token.slice(continued.length), id);
    });
    this.#longestPiece = this.#tokens.reduce((most, token) => Math.max(most, token.length), 1);
    const special = (token: string): number => {
      const id = this.#ids.get(token);
      if (id === undefined) throw new Error(`the vocabulary has no ${token}`);
      return id;
    };
    this.#unknown = special("[UNK]");
    this.start = special("[CLS]");
    this.end = special("[SEP]");
  }

  /** Number of tokens in the vocabulary. */
  get size(): number {
    return this.#ids.size;
  }

  /** Tokens of a text, the marks at its ends not counted. */
  count(text: string): number {
    let tokens = 0;
    for (const [word] of normalised(text).matchAll(words)) tokens += this.#pieces(word).length;
    return tokens;
  }

  /**
   * A text's token ids between the two marks; a longer text is cut.
   * @param most ids, marks included; at least 2
   */
  encode(text: string, most: number): Uint16Array<ArrayBuffer> {
    const ids = [this.start];
    for (const [word] of normalised(text).matchAll(words)) {
      for (const id of this.#pieces(word)) {
        if (ids.length === most - 1) break;
        ids.push(id);
      }
      if (ids.length === most - 1) break;
    }
    ids.push(this.end);
    return Uint16Array.from(ids);
  }

  /** The word that each token belongs to: a piece that continues a word has the word of the one before. */
  words(ids: Uint16Array): string[] {
    const found: string[] = [];
    let from = 0;
    const close = (to: number): void => {
      const word = [...ids.subarray(from, to)].map((id) => (this.#tokens[id] ?? "").replace(/^##/, "")).join("");
      found.push(...Array.from({ length: to - from }, () => word));
      from = to;
    };
    ids.forEach((id, place) => {
      if (place > from && this.#tokens[id]?.startsWith("##") !== true) close(place);
    });
    close(ids.length);
    return found;
  }

  #pieces(word: string): readonly number[] {
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const pieces = this.#cut(word);
    if (word.length <= rememberedChars) {
      if (this.#known.size >= rememberedWords) this.#known.clear();
      this.#known.set(word, pieces);
    }
    return pieces;
  }

  #cut(word: string): readonly number[] {
    if (word.length > longestWord && [...word].length > longestWord) return [this.#unknown];
    const pieces: number[] = [];
    for (let from = 0; from < word.length; ) {
      const known = from > 0 ? this.#continuing : this.#ids;
      // A word is at most a hundred characters, but whoever writes or asks may send thousands of them. An end inside a surrogate pair
      // finds nothing: no piece holds half of one.
      let end = Math.min(word.length, from + this.#longestPiece);
      let id: number | undefined;
      for (; end > from; end--) {
        id = known.get(word.slice(from, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknown];
      pieces.push(id);
      from = end;
    }
    return pieces;
  }
}

function normalised(text: string): string {
  // ASCII, most of all text, needs neither normal forms nor character classes.
  if (!notAscii.test(text)) return text.replace(control, "").toLowerCase();
  const clean = text.toWellFormed().replace(removed, "").replace(ideograph, " $& ");
  // A sigma at a word's end has a form of its own in lower case, which the original does not use.
  return clean.normalize("NFD").replace(accent, "").replaceAll("\u03a3", "\u03c3").toLowerCase();
}
