import { createHash } from "node:crypto";

/**
 * A legal name of ours for a name of a set: the name itself where it is legal already, else its legal characters with the first
 * eight hex digits of its SHA-256, so that two names stay two.
 * @param pattern the rule for legal names (at most 64 characters).
 * @param lowerCase where only lower case is legal.
 */
export function legalName(name: string, pattern: RegExp, lowerCase = false): string {
  const cased = lowerCase ? name.toLowerCase() : name;
  if (pattern.test(name)) return name;
  const mark = createHash("sha256").update(name).digest("hex").slice(0, 8);
  const kept = cased.normalize("NFKD").replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  return `${`x${kept}`.replace(/^x(?=[A-Za-z0-9])/, "").slice(0, 50)}.${mark}`;
}
