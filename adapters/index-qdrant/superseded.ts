import { type DocumentKey, keyString } from "#core/document.ts";
import type { SearchFilter } from "#core/ports/index.ts";
import { type SupersessionSubject, supersededKeys } from "#core/trust/eligible.ts";
import { allOf, oneOf, within } from "./filter.ts";
import { firstFields, noQuality, readFirst } from "./points.ts";
import { visibleIn } from "./select.ts";
import type { Page, Server, Stored } from "./server.ts";

/** Replacing documents that are looked at, and replaced ones that are left out of the search itself. What is beyond, the re-check drops. */
export const supersededBound = 1_000;
/** UTF-8 bytes of the names of those: a search repeats them for each term of a question, and whoever writes documents chooses their ids. */
const supersededBytes = 64 * 1024;

/**
 * `keyString` of the documents that are superseded by one that the filter can see, sorted, at most {@link supersededBound} and {@link supersededBytes}: the search leaves them out,
 * with their part in every statistic, as an index does that asks the ledger itself. The re-check decides about each hit in any case.
 */
export async function superseded(
  server: Pick<Server, "scroll">,
  collection: string,
  filter: SearchFilter,
): Promise<readonly string[]> {
  const page = replacing(filter);
  if (page === undefined) return [];
  return supersededBy((await server.scroll(collection, page)).points, server, collection, filter);
}

/** The page of documents that replace something and that the filter can see; `undefined` when none of them would count. */
export function replacing({ visibility, eligible }: SearchFilter): Page | undefined {
  if (eligible === null || visibility.kind === "nothing") return undefined;
  return {
    filter: allOf([within("replaces", { gte: 1 }), visibleIn(visibility)]),
    limit: supersededBound,
    with_payload: { include: firstFields },
  };
}

/** What {@link superseded} gives, from the page of {@link replacing}. */
export async function supersededBy(
  points: readonly Stored[],
  server: Pick<Server, "scroll">,
  collection: string,
  { visibility, eligible }: SearchFilter,
): Promise<readonly string[]> {
  if (points.length === 0 || eligible === null || visibility.kind === "nothing") return [];
  const subjects = new Map<string, SupersessionSubject>();
  // Two generations of one document at the same time: one of them is not live, and the re-check knows which.
  for (const subject of points.map(readFirst)) subjects.set(keyString(subject.key), subject);
  const replacements = [...subjects.values()];
  const linked = new Map<string, { readonly key: DocumentKey; readonly isElsewhere: boolean }>();
  for (const { key, quality } of replacements) {
    for (const { source, id } of quality.supersedes) {
      const replaced = { tenant: key.tenant, source, id };
      const name = keyString(replaced);
      const isElsewhere = source !== key.source || linked.get(name)?.isElsewhere === true;
      if (!subjects.has(name)) linked.set(name, { key: replaced, isElsewhere });
    }
  }
  // Across sources the tier of the replaced document decides, and has to be read.
  const elsewhere = [...linked].filter(([, one]) => one.isElsewhere).map(([name]) => name);
  if (elsewhere.length > 0) {
    const { points: replaced } = await server.scroll(collection, {
      filter: allOf([
        oneOf("document", elsewhere.toSorted().slice(0, supersededBound)),
        within("replaces", { gte: 0 }),
        visibleIn(visibility),
      ]),
      limit: supersededBound,
      with_payload: { include: firstFields },
    });
    for (const subject of replaced.map(readFirst)) subjects.set(keyString(subject.key), subject);
  }
  // Within a source nothing of the replaced document matters: it is in the search or it is not.
  for (const [name, { key, isElsewhere }] of linked) if (!isElsewhere) subjects.set(name, { key, quality: noQuality });
  const keys = supersededKeys(subjects.values(), eligible.trust, eligible.now);
  return bounded([...keys].toSorted());
}

/** The first ones, as many as the bounds allow. */
function bounded(names: readonly string[]): readonly string[] {
  let bytes = 0;
  const end = names.findIndex((name, at) => {
    bytes += Buffer.byteLength(name);
    return at >= supersededBound || bytes > supersededBytes;
  });
  return end < 0 ? names : names.slice(0, end);
}
