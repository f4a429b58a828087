import { AppError, limitExceeded } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { pointerOf } from "./validate.ts";

/** An object or array that is open at some point of the text. */
interface Container {
  readonly isObject: boolean;
  /** Names of an object's members so far; absent until the first one. */
  names?: Set<string>;
  /** Name of the present member, or index of the present element. */
  at: string | number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Reads a JSON text once, before it is parsed, and refuses what parsing would hide or what would make it expensive. Takes time linear in
 * the text's length and makes nothing of it but names. What is not JSON may get through: the parser refuses it.
 * @throws AppError `limit-exceeded` over {@link limits.jsonDepth} or {@link limits.jsonValues}; `malformed-request` for a member that is
 * given twice, since readers differ in which one counts, and for one (`__proto__`, `constructor.prototype`) that could change what other
 * objects are.
 */
export function checkJsonShape(bytes: Buffer): void {
  const open: Container[] = [];
  let inside: Container | undefined;
  let nameIsNext = false;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) {
      const end = closingQuote(bytes, at);
      if (nameIsNext && inside !== undefined) enterMember(open, inside, nameIn(bytes, at, end));
      nameIsNext = false;
      at = end;
    } else if (byte === comma) {
      countValue(++values);
      if (typeof inside?.at === "number") inside.at += 1;
      nameIsNext = inside?.isObject === true;
    } else if (byte === openBrace || byte === openBracket) {
      countValue(++values);
      if (open.length === limits.jsonDepth)
        throw limitExceeded("jsonDepth", limits.jsonDepth, "values inside each other");
      nameIsNext = byte === openBrace;
      inside = { isObject: nameIsNext, at: nameIsNext ? "" : 0 };
      open.push(inside);
    } else if (byte === closeBrace || byte === closeBracket) {
      open.pop();
      inside = open.at(-1);
      nameIsNext = false;
    }
  }
}

function countValue(values: number): void {
  if (values > limits.jsonValues) throw limitExceeded("jsonValues", limits.jsonValues, "values");
}

/** Where a string ends; the end of the text when it never does. */
function closingQuote(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

/** A name as the parser will see it: `"\u0061cl"` is `"acl"`. @throws SyntaxError */
function nameIn(bytes: Buffer, start: number, end: number): string {
  const name = bytes.toString("utf8", start + 1, end);
  return name.includes("\\") ? String(JSON.parse(`"${name}"`)) : name;
}

function enterMember(open: readonly Container[], object: Container, name: string): void {
  object.at = name;
  if (name === "__proto__" || (name === "prototype" && open.at(-2)?.at === "constructor")) {
    throw new AppError("malformed-request", { detail: `a member named ${name} is not accepted here` });
  }
  object.names ??= new Set();
  if (object.names.has(name)) {
    const pointer = pointerOf(
      open.map((container) => container.at),
      "",
    );
    throw new AppError("malformed-request", { detail: "a member is given twice", pointer });
  }
  object.names.add(name);
}
