import type { DocumentKey } from "#core/document.ts";

/** The inverse of `keyString`. @throws Error when it is no such string */
export function keyOf(name: string): DocumentKey {
  const tenant = partAt(name, 0);
  const source = partAt(name, tenant.end);
  return { tenant: tenant.text, source: source.text, id: name.slice(source.end) };
}

function partAt(name: string, from: number): { readonly text: string; readonly end: number } {
  const colon = name.indexOf(":", from);
  const length = Number(name.slice(from, colon));
  const end = colon + 1 + length;
  if (colon <= from || !Number.isSafeInteger(length) || length < 0 || end > name.length) {
    throw new Error("a document has a name that is none");
  }
  return { text: name.slice(colon + 1, end), end };
}
