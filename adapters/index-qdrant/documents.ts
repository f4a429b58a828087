import { compareKeys, type DocumentKey } from "#core/document.ts";
import type { SearchFilter } from "#core/ports/index.ts";
import { select } from "./select.ts";
import type { Server } from "./server.ts";
import { superseded } from "./superseded.ts";

/** Documents of one answer; more are not listed. */
const mostDocuments = 1_000_000;

/** Documents that a filter selects, in the order of `compareKeys`. All of them at once: it is for looking at the filter, not for serving. */
export async function listDocuments(
  server: Pick<Server, "facet" | "scroll">,
  collection: string,
  filter: SearchFilter,
): Promise<readonly DocumentKey[]> {
  const selection = select(filter, await superseded(server, collection, filter));
  if (selection === "nothing") return [];
  const names = await server.facet(collection, "document", selection, mostDocuments);
  return names.map(keyOf).toSorted(compareKeys);
}

/** The inverse of `keyString`. @throws Error when it is no such string */
export function keyOf(name: string): DocumentKey {
  const [tenant, afterTenant] = part(name);
  const [source, id] = part(afterTenant);
  return { tenant, source, id };
}

function part(text: string): [string, string] {
  const [head, digits] = /^(\d+):/.exec(text) ?? [];
  if (head === undefined) throw new Error("a document has a name that is none");
  const end = head.length + Number(digits);
  return [text.slice(head.length, end), text.slice(end)];
}
