/** Changes whenever {@link countTokens} may count some text otherwise; part of the fingerprint. */
export const tokenizerVersion = "words-1";

/** Letters, digits and marks that make one token; a longer word makes several. */
const wordChars = 20;
/** Other visible characters in a row that make one token. */
const symbolChars = 8;

const unspacedCharacter =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
const beyondSpaced = /[\u0e00-\uffff]/;
const runs = /([\p{L}\p{N}\p{M}]+)|[^\p{L}\p{N}\p{M}\s]+/gu;

/**
 * Simple word tokens: one per word of up to 20 characters (one more for each further 20), one per character of a script without
 * spaces, one per run of up to 8 punctuation marks or symbols. White space counts nothing.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  for (const match of text.matchAll(runs)) {
    const length = match[0].length;
    if (match[1] === undefined) {
      tokens += Math.ceil(length / symbolChars);
      continue;
    }
    // Most words have none of them; asking that first is cheaper than counting.
    const single = beyondSpaced.test(match[0]) ? (match[0].match(unspacedCharacter)?.length ?? 0) : 0;
    tokens += Math.max(single, Math.ceil(length / wordChars));
  }
  return tokens;
}
