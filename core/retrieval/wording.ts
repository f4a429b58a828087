import { analyse } from "../text/analyse.ts";

/** What can be seen of a question's wording before anything is found. English, as the stop words are. */
export interface Wording {
  /** Terms of what is named: capitals not at the beginning, capitals only, or digits. */
  readonly names: ReadonlySet<string>;
  /** Terms with digits. */
  readonly numbers: ReadonlySet<string>;
  /** Whether it asks for what is not so. */
  readonly negated: boolean;
  /** Whether its answer is a number or a date. */
  readonly quantity: boolean;
}

const word = /[\p{L}\p{N}\p{M}_'’-]+/gu;
const digit = /\p{N}/u;
const capital = /^\p{Lu}/u;
const capitals = /^[\p{Lu}\p{N}]{2,}$/u;
const negation =
  /(?<![\p{L}\p{N}])(?:not|no|never|none|without|neither|nor|cannot|unable|except|\p{L}+n['’]t)(?![\p{L}\p{N}])/iu;
const quantity =
  /\b(?:when|how (?:many|much|long|old|often|far|tall|large|big)|(?:what|which) (?:year|date|number|percent\w*|percentage))\b/iu;
const number =
  /\p{N}|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion|once|twice|half|third|quarter)\b/iu;

/** Reads the wording of a question. */
export function wordingOf(text: string): Wording {
  const names = new Set<string>();
  const numbers = new Set<string>();
  let first = true;
  for (const [found] of text.matchAll(word)) {
    const numeric = digit.test(found);
    const named = numeric || capitals.test(found) || (!first && capital.test(found));
    first = false;
    if (!named) continue;
    for (const term of analyse(found)) {
      names.add(term);
      if (digit.test(term)) numbers.add(term);
    }
  }
  return { names, numbers, negated: isNegated(text), quantity: quantity.test(text) };
}

/** Whether a text denies anything. */
export function isNegated(text: string): boolean {
  return negation.test(text);
}

/** Whether a text holds a number, in digits or in words. */
export function hasNumber(text: string): boolean {
  return number.test(text);
}
