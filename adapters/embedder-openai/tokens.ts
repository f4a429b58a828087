import { wholeCharacter } from "#core/text/cut.ts";

/** Changes whenever {@link countTokens}, {@link readable} or {@link cutToBytes} may give something else; part of the fingerprint. */
export const tokenCounterVersion = "bytes-1";

/** What a tokenizer may put around a text: two marks, and a space before its first word. */
const marks = 3;
/** Bytes that count as one token: about what English takes. */
const bytesPerToken = 4;
/** More makes passages broad without making them better; the encoders that come with the project stop there as well. */
const mostTokens = 256;

/**
 * The most tokens that any tokenizer in use can make of a text: none makes more than one per UTF-8 byte, of the text as it is (byte-pair
 * encodings) or after compatibility normalisation (SentencePiece), which a few characters grow by.
 */
export function tokenBound(text: string): number {
  const bytes = Buffer.byteLength(text);
  // ASCII stays as it is.
  return bytes === text.length ? bytes : Math.max(bytes, Buffer.byteLength(text.normalize("NFKC")));
}

/**
 * Tokens of a text as far as cutting documents is concerned: a quarter of {@link tokenBound}. {@link longestInput} is a quarter too,
 * so that a text within it cannot exceed the model, whatever its tokenizer does.
 */
export const countTokens = (text: string): number => Math.ceil(tokenBound(text) / bytesPerToken);

/** Bytes of a text, without the prefix, that no tokenizer can make more of than the model takes. */
export const safeBytes = (inputTokens: number, prefix: string): number => inputTokens - marks - tokenBound(prefix);

/** The longest input in tokens of {@link countTokens}. */
export const longestInput = (inputTokens: number, passagePrefix: string): number =>
  Math.min(mostTokens, Math.floor(safeBytes(inputTokens, passagePrefix) / bytesPerToken));

/** Bytes of a text that may still fit, as most texts have four or more per token; the server's refusal tells. */
export const hopefulBytes = (inputTokens: number, prefix: string): number =>
  safeBytes(inputTokens, prefix) * bytesPerToken;

/** The beginning of a text that has at most so many bytes by {@link tokenBound}. */
export function cutToBytes(text: string, most: number): string {
  if (tokenBound(text) <= most) return text;
  let [fits, fails] = [0, Math.min(text.length, most + 1)];
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (tokenBound(text.slice(0, middle)) <= most) fits = middle;
    else fails = middle;
  }
  return text.slice(0, wholeCharacter(text, fits) > fits ? fits - 1 : fits);
}

/**
 * A text as every server takes it: half characters replaced (JSON readers refuse them), NUL as a space (some end there), and a full stop
 * for a text without anything to see, because an empty input is an error to most providers.
 */
export function readable(text: string): string {
  const whole = text.toWellFormed().replaceAll("\0", " ");
  return whole.trim() === "" ? "." : whole;
}
