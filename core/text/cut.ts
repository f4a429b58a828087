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
 * lost is white space between the ranges.
 * @param countTokens grows with the text; at most about one token per UTF-8 byte
 */
export function splitToFit(text: string, maxTokens: number, countTokens: (text: string) => number): Range[] {
  const ranges: Range[] = [];
  for (const sentence of sentencesOf(text)) {
    if (countTokens(text.slice(sentence.from, sentence.to)) <= maxTokens) ranges.push(sentence);
    else cutWords(text, sentence, maxTokens, countTokens, ranges);
  }
  return ranges;
}

function sentencesOf(text: string): Range[] {
  const ranges: Range[] = [];
  for (const stretch of stretchesOf(text)) {
    const part = text.slice(stretch.from, stretch.to);
    for (const { segment, index } of sentences.segment(part)) {
      push(ranges, text, stretch.from + index, stretch.from + index + segment.length);
    }
  }
  return ranges;
}

/** Bounds what the segmenter sees: it holds the whole text that it reads, and a page without a full stop is one sentence. */
function stretchesOf(text: string): Range[] {
  const ranges: Range[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + stretchChars, text.length);
    if (to < text.length) {
      const space = text.slice(from, to).search(/\s\S*$/);
      if (space > 0) to = from + space;
      else to = wholeCharacter(text, to);
    }
    ranges.push({ from, to });
    from = to;
  }
  return ranges;
}

/** Greedy: each range takes as many words as fit. */
function cutWords(text: string, range: Range, maxTokens: number, count: (text: string) => number, into: Range[]): void {
  let from = -1;
  let to = -1;
  let tokens = 0;
  for (const match of text.slice(range.from, range.to).matchAll(/\S+/g)) {
    const start = range.from + match.index;
    const end = start + match[0].length;
    const wordTokens = count(match[0]);
    // A sum is only an estimate for encoders that merge over spaces, so what is kept is measured.
    const fits = from >= 0 && tokens + wordTokens <= maxTokens && count(text.slice(from, end)) <= maxTokens;
    if (fits) {
      to = end;
      tokens += wordTokens;
      continue;
    }
    if (from >= 0) push(into, text, from, to);
    from = -1;
    if (wordTokens > maxTokens) {
      cutInside(text, { from: start, to: end }, maxTokens, count, into);
    } else {
      from = start;
      to = end;
      tokens = wordTokens;
    }
  }
  if (from >= 0) push(into, text, from, to);
}

/** Cuts a word that is too long for the encoder: by halving what does not fit, never inside a surrogate pair. */
function cutInside(
  text: string,
  range: Range,
  maxTokens: number,
  count: (text: string) => number,
  into: Range[],
): void {
  let from = range.from;
  let step = range.to - from;
  while (from < range.to) {
    let to = wholeCharacter(text, Math.min(from + step, range.to));
    while (count(text.slice(from, to)) > maxTokens) {
      const half = wholeCharacter(text, from + Math.ceil((to - from) / 2));
      if (half >= to) break;
      to = half;
    }
    push(into, text, from, to);
    step = Math.max(to - from, 1);
    from = to;
  }
}

/** The same offset, or the next one when it lies inside a surrogate pair. */
function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff ? at + 1 : at;
}

function push(into: Range[], text: string, from: number, to: number): void {
  const part = text.slice(from, to);
  const trimmed = part.trim();
  if (trimmed === "") return;
  const start = from + part.indexOf(trimmed);
  into.push({ from: start, to: start + trimmed.length });
}
