/** One declaration of an inline style, lower case, without `!important`. */
export interface Declaration {
  readonly name: string;
  readonly value: string;
}

/**
 * The declarations of a `style` attribute, in order (CSS Syntax 3, section 4): comments are dropped, escapes (`\64 isplay`) are
 * read, strings and brackets keep their semicolons, `var()` takes a custom property of the same style or its own fallback.
 * One pass, linear in the style.
 * @param most reading ends after so many
 */
export function declarationsOf(style: string, most: number): readonly Declaration[] {
  const declarations = splitDeclarations(style, most);
  const custom = new Map(declarations.map(({ name, value }) => [name, value]));
  return declarations.map(({ name, value }) => ({ name, value: withVariables(value, custom) }));
}

/** Longest value that a `var()` is replaced by: no name for a colour or length is longer, and values must not multiply. */
const variableChars = 100;

function withVariables(value: string, custom: ReadonlyMap<string, string>): string {
  if (!value.includes("var(")) return value;
  return value.replace(/var\(\s*(--[^\s,()]{1,100})\s*(?:,([^()]{0,100}))?\)/g, (all, name: string, other?: string) => {
    const found = custom.get(name) ?? other;
    return found === undefined || found.length > variableChars ? all : found.trim();
  });
}

function splitDeclarations(style: string, most: number): readonly Declaration[] {
  const declarations: Declaration[] = [];
  let name: string | undefined;
  let part = "";
  let depth = 0;
  const end = (): void => {
    const value = part.replace(/\s+/g, " ").trim();
    if (name !== undefined) declarations.push({ name, value: value.replace(/ ?! ?important$/, "") });
    name = undefined;
    part = "";
    depth = 0;
  };
  const text = style.toLowerCase();
  for (let at = 0; at < text.length && declarations.length < most; ) {
    const character = text.charAt(at);
    if (character === "/" && text[at + 1] === "*") {
      const close = text.indexOf("*/", at + 2);
      at = close < 0 ? text.length : close + 2;
    } else if (character === '"' || character === "'") {
      at = endOfString(text, at);
    } else if (character === "\\") {
      escaped.lastIndex = at;
      const match = escaped.exec(text);
      part += match === null ? "" : unescaped(match);
      at += match?.[0].length ?? 1;
    } else {
      at++;
      if (character === "(" || character === "[" || character === "{") depth++;
      else if (depth > 0 && (character === ")" || character === "]" || character === "}")) depth--;
      if (character === ";" && depth === 0) {
        end();
      } else if (character === ":" && name === undefined) {
        name = part.trim();
        part = "";
      } else {
        part += character;
      }
    }
  }
  end();
  return declarations;
}

const escaped = /\\(?:([0-9a-f]{1,6})(?:\r\n|\s)?|([\s\S]))/y;

/** What an escape stands for; one of a character that parts declarations is no part of any name that matters. */
function unescaped([, hex, other]: RegExpExecArray): string {
  const code = hex === undefined ? undefined : Number.parseInt(hex, 16);
  if (code !== undefined && code > 0x10ffff) return "\ufffd";
  const character = code === undefined ? (other ?? "") : String.fromCodePoint(code).toLowerCase();
  return /^[-\w%.#]$/.test(character) ? character : "\ufffd";
}

/** Behind the closing quote; a string also ends at the end of its line. */
function endOfString(text: string, at: number): number {
  const quote = text[at];
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === quote || text[end] === "\n") return end + 1;
  }
  return text.length;
}

/** Pixels of one of each unit: a sixteen-pixel font and a window of 1,000 × 1,000, near enough to tell far from near. */
const pixels: Readonly<Record<string, number>> = {
  px: 1,
  pt: 4 / 3,
  pc: 16,
  in: 96,
  cm: 37.8,
  mm: 3.78,
  q: 0.945,
  em: 16,
  rem: 16,
  lh: 16,
  rlh: 16,
  ex: 8,
  ch: 8,
  cap: 8,
  ic: 16,
};

/** All lengths of a value in pixels, percentages of a thousand; a bare number counts as pixels, which is right for 0. */
export function lengthsOf(value: string): readonly number[] {
  const lengths: number[] = [];
  for (const [, number, unit = ""] of value.matchAll(
    /(?<![\w#-])([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)([a-z%]*)/g,
  )) {
    const one = unit === "" ? 1 : (pixels[unit] ?? (unit === "%" || /^[sld]?v|^cq/.test(unit) ? 10 : undefined));
    if (one !== undefined) lengths.push(Number(number) * one);
  }
  return lengths;
}

/** Red, green, blue 0 … 255 and alpha 0 … 1. */
export type Colour = readonly [number, number, number, number];

const named: Readonly<Record<string, string>> = {
  transparent: "#0000",
  white: "#fff",
  black: "#000",
  red: "#f00",
  green: "#008000",
  blue: "#00f",
  yellow: "#ff0",
  gray: "#808080",
  grey: "#808080",
  silver: "#c0c0c0",
  navy: "#000080",
  maroon: "#800000",
  purple: "#800080",
  teal: "#008080",
  olive: "#808000",
  lime: "#0f0",
  aqua: "#0ff",
  cyan: "#0ff",
  fuchsia: "#f0f",
  magenta: "#f0f",
  orange: "#ffa500",
  snow: "#fffafa",
  ivory: "#fffff0",
  ghostwhite: "#f8f8ff",
  whitesmoke: "#f5f5f5",
  lightgray: "#d3d3d3",
  lightgrey: "#d3d3d3",
};

/** The first colour of a value: hexadecimal, `rgb()`, the alpha of any other colour function, a common name. */
export function colourOf(value: string): Colour | undefined {
  const match = /#[0-9a-f]{3,8}(?![\w-])|(?:rgb|hsl)a?\([^()]{0,200}\)|(?<![\w-])[a-z]+(?![\w(-])/g;
  for (const [found] of value.matchAll(match)) {
    const colour = found.includes("(") ? functional(found) : hexadecimal(named[found] ?? found);
    if (colour !== undefined) return colour;
  }
  return undefined;
}

function hexadecimal(text: string): Colour | undefined {
  if (!/^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/.test(text)) return undefined;
  const digits = text.length > 5 ? text.slice(1) : text.slice(1).replace(/./g, "$&$&");
  const at = (index: number): number => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  return [at(0), at(1), at(2), digits.length > 6 ? at(3) / 255 : 1];
}

function functional(text: string): Colour | undefined {
  const parts = [...text.matchAll(/([-+]?[\d.]+)(%?)/g)].map(
    ([, number, percent]) => [Number(number), percent === "%"] as const,
  );
  const [red, green, blue, alpha] = parts;
  if (red === undefined || green === undefined || blue === undefined) return undefined;
  const opacity = alpha === undefined ? 1 : alpha[0] / (alpha[1] ? 100 : 1);
  if (text.startsWith("hsl")) return [...fromHsl(red[0], green[0] / 100, blue[0] / 100), opacity];
  const level = ([number, percent]: readonly [number, boolean]): number => (percent ? number * 2.55 : number);
  return [level(red), level(green), level(blue), opacity];
}

/** CSS Color 4, section 7.1. @param hue in degrees; saturation and lightness 0 … 1 */
function fromHsl(hue: number, saturation: number, lightness: number): readonly [number, number, number] {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const level = (n: number): number => {
    const k = (((n + hue / 30) % 12) + 12) % 12;
    return 255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [level(0), level(8), level(4)];
}
