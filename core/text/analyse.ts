import { stemmer } from "stemmer";
import { limitExceeded } from "../errors.ts";
import { limits } from "../limits.ts";
import { visibleText } from "./invisible.ts";
import { stopWords } from "./stop-words.ts";

/** Changes whenever {@link analyse} may give other terms for some text; part of every fingerprint. */
export const analyserVersion = "analyser-2";

/**
 * Most distinct terms of one query. A query of {@link limits.queryChars} code units has fewer: only compatibility characters
 * that NFKC spells out could pass it.
 */
export const queryTermLimit = limits.queryChars;

/** Longer terms (encoded data, mostly) are cut here, in passages and queries alike; UTF-16 code units. */
const termChars = 64;

// A word, with the joiners that hold identifiers, versions and contractions together.
const compound = /[\p{L}\p{N}\p{M}]+(?:[-._'’‘][\p{L}\p{N}\p{M}]+|_+[\p{L}\p{N}\p{M}]+)*/gu;
const joiner = /[-._]+/u;
// Scripts written without spaces between words, and Hangul, whose particles stick to the word.
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;
const unspacedRun = new RegExp(`(${unspaced.source}[\\p{M}ー]*)+`, "gu");
const latinWord = /^\p{Script=Latin}+$/u;
const camelHump = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/**
 * Splits a text into terms, in order and with repeats: without invisible characters, NFKC, lower case, runs of letters and digits; Latin-script words are
 * stemmed (Porter, 1980: "An algorithm for suffix stripping"). Identifiers (`snake_case`, `camelCase`, `v1.2.3`,
 * `error-code-42`) come whole and in parts. Scripts without spaces come as pairs of neighbouring characters. Stop words stay.
 */
export function analyse(text: string): string[] {
  const terms: string[] = [];
  for (const [run] of visibleText(text).normalize("NFKC").matchAll(compound)) addCompound(run, terms);
  return terms;
}

/**
 * The distinct terms of a query in their order, without stop words unless it has nothing else.
 * @throws AppError `limit-exceeded` over {@link queryTermLimit}
 */
export function queryTerms(text: string): string[] {
  const all = [...new Set(analyse(text))];
  const telling = all.filter((term) => !isStopTerm(term));
  const terms = telling.length > 0 ? telling : all;
  if (terms.length > queryTermLimit) throw limitExceeded("queryTerms", queryTermLimit, "distinct terms", "query");
  return terms;
}

const stopStems: ReadonlySet<string> = new Set([...stopWords].map((word) => stemmer(word)));

/** True for a term that {@link analyse} made from a stop word. */
export function isStopTerm(term: string): boolean {
  return stopStems.has(term);
}

function addCompound(run: string, terms: string[]): void {
  const word = run.replace(/['’‘]s$/iu, "").replace(/['’‘]/gu, "");
  const parts = word.split(joiner).filter((part) => part.length > 0);
  // A hyphen between plain words makes no identifier; digits or an underscore do.
  if (parts.length > 1 && word.length <= termChars && /[\p{N}_]/u.test(word)) terms.push(word.toLowerCase());
  for (const part of parts) addPart(part, terms);
}

function addPart(part: string, terms: string[]): void {
  if (!unspaced.test(part)) {
    addWord(part, terms);
    return;
  }
  let at = 0;
  for (const match of part.matchAll(unspacedRun)) {
    if (match.index > at) addWord(part.slice(at, match.index), terms);
    addPairs(match[0].toLowerCase(), terms);
    at = match.index + match[0].length;
  }
  if (at < part.length) addWord(part.slice(at), terms);
}

function addWord(word: string, terms: string[]): void {
  terms.push(stem(word));
  const humps = word.split(camelHump);
  if (humps.length > 1) for (const hump of humps) terms.push(stem(hump));
}

function stem(word: string): string {
  const lower = word.toLowerCase().slice(0, termChars);
  return latinWord.test(lower) ? stemmer(lower) : lower;
}

function addPairs(run: string, terms: string[]): void {
  const characters = [...run];
  if (characters.length === 1) terms.push(run);
  for (let i = 1; i < characters.length; i++) terms.push(`${characters[i - 1]}${characters[i]}`);
}
