import { z } from "zod";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { NotedGeneration } from "#core/ports/index.ts";
import type { OpenCollections } from "./collections.ts";
import type { Server } from "./server.ts";

/** Points looked up in one request. */
const idBatch = 1_000;

const placed = z.object({ access_revision: z.int() });

/** Those of the generations that are not there whole: searched points with at least the noted access, and texts. */
export async function lackingOf(
  server: Pick<Server, "retrieve">,
  { search, texts }: OpenCollections,
  generations: readonly NotedGeneration[],
): Promise<readonly NotedGeneration[]> {
  const wanted = generations.map((one) => ({
    one,
    ids: Array.from({ length: one.chunkCount }, (_, chunk) => chunkIdOf(one.key, one.generation, chunk)),
  }));
  const all = wanted.flatMap(({ ids }) => ids);
  const revisions = new Map<string, number>();
  const readable = new Set<string>();
  for (let from = 0; from < all.length; from += idBatch) {
    const part = all.slice(from, from + idBatch);
    const [points, rows] = await Promise.all([
      server.retrieve(search, part, ["access_revision"]),
      // Of the smallest field: a text can be long.
      server.retrieve(texts, part, ["generation"]),
    ]);
    for (const { id, payload } of points) revisions.set(id, placed.parse(payload).access_revision);
    for (const { id } of rows) readable.add(id);
  }
  return wanted.flatMap(({ one, ids }) => {
    const isWhole = ids.every((id) => readable.has(id) && (revisions.get(id) ?? -1) >= one.accessRevision);
    return isWhole ? [] : [one];
  });
}
