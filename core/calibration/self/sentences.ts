import { limits } from "../../limits.ts";
import type { ParsedBlock, ParsedDocument } from "../../text/parsed.ts";
import { addTo, dot, largest } from "./vectors.ts";

/** Words of a sentence that can stand as a question. */
const words = { min: 6, max: 40 } as const;
/** Sentences of one document that are compared; a handbook in one page need not be embedded whole. */
const perDocument = 60;

// What makes a line a list item or a quotation is no part of the sentence.
const marker = /^(?:(?:[-*+•>]|\d{1,3}[.)])\s+)+/u;

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/**
 * The distinct sentences of a document that can stand as a question: 6 to 40 words, most of them made of letters; no headings. The
 * first sixty of them.
 */
export function questionSentences(parsed: ParsedDocument): readonly string[] {
  const found = new Set<string>();
  for (const block of parsed.blocks) {
    if (block.headingPath.at(-1)?.trim() === block.text.trim()) continue;
    for (const { segment } of segmenter.segment(block.text)) {
      const sentence = segment.trim().replace(marker, "");
      if (canAsk(sentence)) found.add(sentence);
      if (found.size === perDocument) return [...found];
    }
  }
  return [...found];
}

function canAsk(sentence: string): boolean {
  const all = sentence.split(/\s+/u);
  const spoken = all.filter((word) => /^\P{L}?\p{L}/u.test(word)).length;
  return (
    all.length >= words.min &&
    all.length <= words.max &&
    spoken * 2 > all.length &&
    sentence.length <= limits.queryChars
  );
}

/**
 * The place of the most central vector: the highest mean cosine to the others; of equal ones the first. A document's central sentence
 * says what it is about, a random one may say anything.
 * @param vectors unit vectors, at least two
 */
export function mostCentral(vectors: readonly Float32Array[]): number {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) addTo(sum, vector);
  // The mean over the others is the mean over all but for the constant cosine with itself.
  return largest(vectors.map((vector) => dot(vector, sum)));
}

/**
 * A run of half of a sentence's words, of six at least, at a random place: people ask shorter than documents tell. The sentence
 * itself when it has six words or fewer.
 * @param random draws from 0 (included) to 1 (excluded)
 */
export function halfOf(sentence: string, random: () => number): string {
  const all = sentence.split(/\s+/u);
  const length = Math.min(all.length, Math.max(words.min, Math.round(all.length / 2)));
  const start = Math.floor(random() * (all.length - length + 1));
  return all.slice(start, start + length).join(" ");
}

/**
 * A document without a sentence, wherever it stands in it; the rest is kept. `undefined` when nothing readable would be left. The
 * body stays as it was, and no chunk that is cut from the result shows the sentence again out of it.
 */
export function without(parsed: ParsedDocument, sentence: string): ParsedDocument | undefined {
  const blocks: ParsedBlock[] = [];
  let cut = false;
  for (const block of parsed.blocks) {
    const has = block.text.includes(sentence);
    const text = has ? block.text.replaceAll(sentence, " ").trim() : block.text;
    if (text === "") {
      cut = true;
      continue;
    }
    // What lies between two blocks of the body may be the sentence.
    blocks.push({ ...block, text, exact: block.exact && !has, adjoins: block.adjoins && !cut });
    cut = false;
  }
  return blocks.length === 0 ? undefined : { body: parsed.body, blocks };
}
