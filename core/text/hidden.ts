/** Elements whose content a reader of the page never sees. */
export const unseenElements: ReadonlySet<string> = new Set([
  "script",
  "style",
  "template",
  "noscript",
  "iframe",
  "noembed",
  "noframes",
  "object",
  "svg",
  "datalist",
]);

const hidingStyle =
  /display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0*)?(?:;|!|$)|font-size:0(?:\.0*)?(?:[a-z%;!]|$)/;

/** True when an inline style hides the element. Text that only a machine can read is a classic way to inject instructions. */
export function styleHides(style: string): boolean {
  return hidingStyle.test(style.replace(/\/\*.*?\*\/|\s+/gs, "").toLowerCase());
}

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
  if (attribute("hidden") !== undefined) return true;
  if (attribute("aria-hidden")?.trim().toLowerCase() === "true") return true;
  if (name === "dialog" && attribute("open") === undefined) return true;
  const style = attribute("style");
  return style !== undefined && styleHides(style);
}
