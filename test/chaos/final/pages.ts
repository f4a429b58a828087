import { anIndexer, type Chaos, send } from "../context.ts";

/** All items of a list, through the indexers in turn; nothing is killed any more, so every page has to come. */
export async function pages<T>(
  chaos: Chaos,
  random: () => number,
  path: string,
  token: string,
  parse: (body: unknown) => { readonly documents: readonly T[]; readonly next_cursor: string | null },
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const place: string = cursor === null ? "" : `&cursor=${cursor}`;
    const call = { method: "GET", path: `${path}${place}`, token } as const;
    const { reply } = await send(chaos, anIndexer(chaos, random), call, "list");
    if (reply.kind !== "answer" || reply.status !== 200) {
      const got = reply.kind === "answer" ? `${reply.status} ${reply.code}` : reply.kind;
      chaos.report({ kind: "unexpected-answer", message: `a list got ${got} with everything at rest` });
      return items;
    }
    const page = parse(reply.body);
    items.push(...page.documents);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}
