// Characters without any ink, as Unicode lists them (Default_Ignorable_Code_Point): zero-width characters, soft hyphens, bidi
// marks, overrides and isolates, tags, variation selectors. Some are part of how a script is written; those come below.
const neverNeeded = /[[\p{DI}--[\p{Join_C}\p{VS}\p{Lo}\p{sc=Khmer}]]\u{e0100}-\u{e01ef}\u3164\uffa0]+/v;
// A variation selector says how the character before it looks (emoji or text); a second one, or one after nothing, says nothing.
const idleSelector = /(?<![^\p{DI}\s])\p{VS}+/v;
// Emoji are glued by a joiner; Arabic, Indic and Mongolian scripts choose letter forms with one, after a letter of theirs.
const joiningLetter =
  /[[\p{L}\p{M}]--[\p{DI}\p{scx=Latin}\p{scx=Greek}\p{scx=Cyrillic}\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{sc=Inherited}]]/v;
const emoji = /\p{Extended_Pictographic}/v;
const idleJoiner = new RegExp(
  `(?<!${joiningLetter.source})(?:\\u200c|(?<!${emoji.source}[\\ufe0f\\p{EMod}]?)\\u200d|\\u200d(?!${emoji.source}))`,
  "v",
);
const invisible = new RegExp([neverNeeded, idleSelector, idleJoiner].map(({ source }) => source).join("|"), "gv");
const suspect = /[\p{DI}]/v;

/**
 * The text without the characters that a reader cannot see: with them a document could hold words that only a machine reads, or
 * break up words so that they are not found. Kept are what changes what is seen: one variation selector after a visible
 * character, joiners inside emoji and after letters of scripts that join. A flag made of tag characters becomes a black flag.
 */
export function visibleText(text: string): string {
  return suspect.test(text) ? text.replace(invisible, "") : text;
}

/** True when the text holds something that a reader can see. */
export function isVisible(text: string): boolean {
  return /[^\s\p{DI}]/v.test(text);
}
