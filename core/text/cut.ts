import { Filling } from "./filling.ts";

/** A range of a text, UTF-16 offsets, the end exclusive. Never empty, no white space at either end. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

// One for all: making a segmenter is slow. English rules are those of the Unicode default (UAX #29, section 5).
const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** Longest stretch that is given to the sentence segmenter at once, UTF-16 code units. */
const stretchChars = 20_000;

/**
 * Cuts a text into sentences, and what is longer than `maxTokens` at words, and a word that is longer inside it. All that is
 * lost is white space between the ranges. The next range is looked for only when it is asked for.
 * @param countTokens grows with the text; at most about one token per UTF-8 byte
 */
export function* splitToFit(
  text: string,
  maxTokens: number,
  countTokens: (text: string) => number,
): Generator<Range, void, undefined> {
  for (const sentence of sentencesOf(text)) {
    if (countTokens(text.slice(sentence.from, sentence.to)) <= maxTokens) yield sentence;
    else yield* cutWords(text, sentence, maxTokens, countTokens);
  }
}

function* sentencesOf(text: string): Generator<Range, void, undefined> {
  for (const stretch of stretchesOf(text)) {
    const part = text.slice(stretch.from, stretch.to);
    for (const { segment, index } of sentences.segment(part)) {
      const sentence = trimmed(text, stretch.from + index, stretch.from + index + segment.length);
      if (sentence !== undefined) yield sentence;
    }
  }
}

/** Bounds what the segmenter sees: it holds the whole text that it reads, and a page without a full stop is one sentence. */
function* stretchesOf(text: string): Generator<Range, void, undefined> {
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + stretchChars, text.length);
    if (to < text.length) {
      const space = text.slice(from, to).search(/\s\S*$/);
      if (space > 0) to = from + space;
      else to = wholeCharacter(text, to);
    }
    yield { from, to };
    from = to;
  }
}

/** Greedy: each range takes as many words as fit. */
function* cutWords(
  text: string,
  range: Range,
  maxTokens: number,
  count: (text: string) => number,
): Generator<Range, void, undefined> {
  const whole = (words: readonly Range[]): Range => ({ from: words[0]?.from ?? 0, to: words.at(-1)?.to ?? 0 });
  // A sum is only an estimate for encoders that merge over spaces, so what is kept is measured.
  const filling = new Filling<Range>(maxTokens, (words) => {
    const { from, to } = whole(words);
    return count(text.slice(from, to));
  });
  for (const match of text.slice(range.from, range.to).matchAll(/\S+/g)) {
    const word = { from: range.from + match.index, to: range.from + match.index + match[0].length };
    const tokens = count(match[0]);
    if (tokens <= maxTokens) {
      for (const { units } of filling.add(word, tokens)) yield whole(units);
    } else {
      for (const { units } of filling.end()) yield whole(units);
      yield* cutInside(text, word, maxTokens, count);
    }
  }
  for (const { units } of filling.end()) yield whole(units);
}

/** Cuts a word that is too long for the encoder: by halving what does not fit, never inside a surrogate pair. */
function* cutInside(
  text: string,
  range: Range,
  maxTokens: number,
  count: (text: string) => number,
): Generator<Range, void, undefined> {
  let from = range.from;
  let step = range.to - from;
  while (from < range.to) {
    let to = wholeCharacter(text, Math.min(from + step, range.to));
    while (count(text.slice(from, to)) > maxTokens) {
      const half = wholeCharacter(text, from + Math.ceil((to - from) / 2));
      if (half >= to) break;
      to = half;
    }
    const part = trimmed(text, from, to);
    if (part !== undefined) yield part;
    step = Math.max(to - from, 1);
    from = to;
  }
}

/** The same offset, or the next one when it lies inside a surrogate pair. */
export function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff ? at + 1 : at;
}

/** The range without white space at its ends; `undefined` when it has nothing else. */
function trimmed(text: string, from: number, to: number): Range | undefined {
  const part = text.slice(from, to);
  const kept = part.trim();
  if (kept === "") return undefined;
  const start = from + part.length - part.trimStart().length;
  return { from: start, to: start + kept.length };
}
