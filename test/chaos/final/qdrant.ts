import { z } from "zod";

/** A point as it lies in a collection. */
export interface StoredPoint {
  readonly id: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const page = z.object({
  result: z.object({
    points: z.array(z.object({ id: z.string(), payload: z.record(z.string(), z.unknown()) })),
    next_page_offset: z.union([z.string(), z.null()]).optional(),
  }),
});
const aliases = z.object({ result: z.object({ aliases: z.array(z.object({ alias_name: z.string() })) }) });

/** Every point of a collection, read page by page over REST, with some of its fields. */
export async function allPoints(
  url: string,
  collection: string,
  fields: readonly string[],
): Promise<readonly StoredPoint[]> {
  const found: StoredPoint[] = [];
  let offset: string | undefined;
  do {
    const answer = await fetch(`${url}/collections/${collection}/points/scroll`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        limit: 2_000,
        with_payload: { include: fields },
        ...(offset === undefined ? {} : { offset }),
      }),
    });
    if (!answer.ok) throw new Error(`${collection}: ${answer.status}`);
    const { points, next_page_offset } = page.parse(await answer.json()).result;
    found.push(...points);
    offset = next_page_offset ?? undefined;
  } while (offset !== undefined);
  return found;
}

/** The two collections of the deployment, by alias. @throws Error when there are not exactly two */
export async function collectionsOf(url: string): Promise<{ readonly search: string; readonly texts: string }> {
  const answer = aliases.parse(await (await fetch(`${url}/aliases`)).json());
  const names = answer.result.aliases
    .map(({ alias_name }) => alias_name)
    .filter((name) => name.startsWith("reticent-"));
  const texts = names.find((name) => name.endsWith("-texts"));
  const search = names.find((name) => !name.endsWith("-texts"));
  if (texts === undefined || search === undefined || names.length !== 2)
    throw new Error(`aliases: ${names.join(", ")}`);
  return { search, texts };
}
