import { type Colour, colourOf, type Declaration, declarationsOf, lengthsOf } from "./css.ts";

/*
 * What a reader of the rendered page does not see is not indexed: text that only a machine reads is a classic way to inject
 * instructions. An element is hidden, with all that it holds, by its name, by `hidden`, `popover` or a closed `dialog`, and by an
 * inline style that
 * - takes it away: display, visibility, content-visibility, opacity and filter: opacity() of 5 % and less, scale 0;
 * - leaves it no room: fonts of a pixel and less, width or height of a pixel and less where overflow is cut, clip and clip-path
 *   that leave nothing;
 * - moves it out of the page: 500 pixels and more to the left or above, 5,000 to the right, by position, margin, text-indent or
 *   transform;
 * - paints it like its ground: transparent text, or text in the background colour of the same style.
 * One such declaration is enough, whatever overrides it elsewhere: what is dropped by mistake is missed, what is kept by mistake
 * speaks to an agent. `aria-hidden` keeps text from screen readers alone, so it stays; so do folded `details`.
 *
 * The limit: classes and style sheets are not evaluated, nor scripts, nor colours and sizes that an element inherits.
 */

/** Elements whose content a reader of the page never sees. */
export const unseenElements: ReadonlySet<string> = new Set(
  "script style template noscript iframe noembed noframes object svg datalist audio video canvas annotation annotation-xml".split(
    " ",
  ),
);

/** Elements whose content is no markup: only their own end tag ends them. */
export const rawTextElements: ReadonlySet<string> = new Set(
  "script style noscript iframe noembed noframes textarea title xmp".split(" "),
);

/** Elements without content: a `hidden` on them hides nothing else. */
export const voidElements: ReadonlySet<string> = new Set(
  "area base br col embed hr img input link meta param source track wbr".split(" "),
);

/**
 * True when an element's name or attributes keep it from the reader.
 * @param attribute the value of an attribute, "" when it has none, `undefined` when it is absent
 */
export function elementHides(name: string, attribute: (name: string) => string | undefined): boolean {
  if (unseenElements.has(name)) return true;
  if (attribute("hidden") !== undefined || attribute("popover") !== undefined) return true;
  if (name === "dialog" && attribute("open") === undefined) return true;
  const style = attribute("style");
  return style !== undefined && styleHides(style);
}

/** Names of the attributes that {@link elementHides} asks for. */
export const hidingAttribute = /hidden|popover|open|style/i;

/** Pixels to the left or above from which on nothing is seen any more. */
const farBefore = -500;
/** Pixels to the right or below from which on nothing is looked for any more. */
const farBehind = 5_000;
/** A share of opacity up to this is no more than a shade. */
const faint = 0.05;
/** Largest difference over red, green and blue at which text and ground look the same. */
const sameColour = 24;

/** No honest value of a property below is longer, UTF-16 code units. */
const valueChars = 1_000;

/** Longest inline style that is read, an image in it included, UTF-16 code units; and the most declarations. */
const styleChars = 256 * 1024;
const styleDeclarations = 1_000;

/** True when an inline style hides the element, or is longer than anybody means it. */
export function styleHides(style: string): boolean {
  if (style.length > styleChars) return true;
  const declarations = declarationsOf(style, styleDeclarations + 1);
  if (declarations.length > styleDeclarations) return true;
  return (
    declarations.some((declaration) => hides(declaration)) || cutToNothing(declarations) || likeGround(declarations)
  );
}

function hides({ name, value }: Declaration): boolean {
  const rule = rules.get(name);
  return rule !== undefined && (value.length > valueChars || rule(value));
}

const is =
  (...values: readonly string[]) =>
  (value: string): boolean =>
    values.includes(value);
const least = (value: string): number => Math.min(...lengthsOf(value).slice(0, 100));
const small = (value: string): boolean => /^(?:[-+]?[\d.]|[a-z]+\()/.test(value) && least(value) <= 1;
const smallFont = (value: string): boolean => small(value.replace(/([\d.])%/g, "$1e-2em"));
const share = (value: string): boolean => {
  const [, number, percent] = /^([-+]?[\d.]+(?:e[-+]?\d+)?)(%?)$/.exec(value) ?? [];
  return number !== undefined && Number(number) / (percent === "%" ? 100 : 1) <= faint;
};
const far = (value: string): boolean => lengthsOf(value).some((length) => length <= farBefore || length >= farBehind);
/** Pages that are laid out by position are thousands of pixels long. */
const farAbove = (value: string): boolean => lengthsOf(value).some((length) => length <= farBefore);
const clear = (value: string): boolean => (colourOf(value)?.[3] ?? 1) <= faint;

/** A percentage of a transform is of the element itself: moving it by its own size takes nothing out of the page. */
const farMoved = (value: string): boolean => far(value.replace(/([\d.])%/g, "$1e-1%"));
const transformed = (value: string): boolean =>
  [...value.matchAll(/(?<![a-z0-9])([a-z0-9]+)\(((?:[^()]|\([^()]{0,500}\)){0,500})\)/g)].some(
    ([, name = "", inside = ""]) => {
      if (name.startsWith("translate")) return farMoved(inside);
      if (name.startsWith("scale")) return inside.split(/[\s,]+/).some((part) => part !== "" && share(part));
      return /^rotate[xy]$/.test(name) && /^\s*-?(?:90|270)deg\s*$/.test(inside);
    },
  );

const rules: ReadonlyMap<string, (value: string) => boolean> = new Map<string, (value: string) => boolean>([
  ["display", is("none")],
  ["visibility", is("hidden", "collapse")],
  ["content-visibility", is("hidden")],
  ["opacity", share],
  ["filter", (value: string) => share(/opacity\(\s*([^()]{0,100}?)\s*\)/.exec(value)?.[1] ?? "")],
  ["font-size", smallFont],
  [
    "font",
    (value: string) =>
      value.split(/[\s/]+/).some((part) => part === "0" || (/\d[a-z%]+$/.test(part) && smallFont(part))),
  ],
  ["color", clear],
  ["-webkit-text-fill-color", clear],
  ["text-indent", far],
  ["transform", transformed],
  ["translate", farMoved],
  ["scale", (value: string) => value.split(" ").some(share)],
  ["zoom", share],
  ["clip", clipped],
  ["clip-path", clipped],
  ["-webkit-clip-path", clipped],
  ...["left", "right", "bottom", "inset-inline", "margin-left", "margin-right", "margin-inline-start"].map(
    (name) => [name, far] as const,
  ),
  ...["top", "inset", "inset-block", "margin", "margin-top", "margin-block-start"].map(
    (name) => [name, farAbove] as const,
  ),
]);

/** A shape that lets nothing through. */
function clipped(value: string): boolean {
  const [, shape, inside = ""] = /^([a-z]+)\(([^()]*)\)/.exec(value) ?? [];
  if (inside.includes("auto")) return false;
  if (far(inside)) return true;
  const [top = 0, right = top, bottom = top, left = right] = lengthsOf(inside.split("round")[0] ?? "");
  if (shape === "rect") return bottom - top <= 1 || right - left <= 1;
  // A percentage counts ten pixels: two halves are a thousand.
  if (shape === "inset") return inside.includes("%") && (top + bottom >= 990 || left + right >= 990);
  if (shape === "circle" || shape === "ellipse" || shape === "xywh") return /^\s*0/.test(inside) && top <= 1;
  if (shape === "polygon") return lengthsOf(inside).every((length, index, all) => length === all[index % 2]);
  return false;
}

const cutSizes: ReadonlySet<string> = new Set(
  "width height max-width max-height inline-size block-size max-inline-size max-block-size".split(" "),
);

function cutToNothing(declarations: readonly Declaration[]): boolean {
  const cut = declarations.some(
    ({ name, value }) => name.startsWith("overflow") && /hidden|clip|scroll|auto/.test(value),
  );
  return cut && declarations.some(({ name, value }) => cutSizes.has(name) && small(value));
}

/** More colours than these no style has that is meant to be seen. */
const comparedColours = 50;

function likeGround(declarations: readonly Declaration[]): boolean {
  const coloursOf = (wanted: RegExp): readonly Colour[] => {
    const values = new Set(declarations.filter(({ name }) => wanted.test(name)).map(({ value }) => value));
    return [...values].slice(0, comparedColours).flatMap((value) => {
      const colour = colourOf(value);
      return colour === undefined || colour[3] <= faint ? [] : [colour];
    });
  };
  const grounds = coloursOf(/^background(?:-color)?$/);
  return coloursOf(/^color$/).some((text) => grounds.some((ground) => difference(text, ground) <= sameColour));
}

function difference([red, green, blue]: Colour, other: Colour): number {
  return Math.abs(red - other[0]) + Math.abs(green - other[1]) + Math.abs(blue - other[2]);
}
