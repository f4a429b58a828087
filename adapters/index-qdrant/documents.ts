import { compareKeys, type DocumentKey } from "#core/document.ts";
import type { SearchFilter } from "#core/ports/index.ts";
import { keyOf } from "./document-name.ts";
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
