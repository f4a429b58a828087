import { z } from "zod";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { NotedGeneration } from "#core/ports/index.ts";
import type { OpenCollections } from "./collections.ts";
import type { Server } from "./server.ts";

/** Points looked up in one request. */
const idBatch = 1_000;

const placed = z.object({ access_revision: z.int() });

/**
 * Those of the generations that are not there whole: searched points with at least the noted access, and texts. Ids are made as they are asked for, so
 * that thousands of chunks keep nothing else waiting.
 */
export async function lackingOf(
  server: Pick<Server, "retrieve">,
  { search, texts }: OpenCollections,
  generations: readonly NotedGeneration[],
): Promise<readonly NotedGeneration[]> {
  const lacking = new Set<NotedGeneration>();
  const chunks = chunksOf(generations);
  for (let part = take(chunks, idBatch); part.length > 0; part = take(chunks, idBatch)) {
    const ids = part.map(({ id }) => id);
    const [points, rows] = await Promise.all([
      server.retrieve(search, ids, ["access_revision"]),
      // Of the smallest field: a text can be long.
      server.retrieve(texts, ids, ["generation"]),
    ]);
    const revisions = new Map(points.map(({ id, payload }) => [id, placed.parse(payload).access_revision]));
    const readable = new Set(rows.map(({ id }) => id));
    for (const { one, id } of part) {
      if (!readable.has(id) || (revisions.get(id) ?? -1) < one.accessRevision) lacking.add(one);
    }
  }
  return [...lacking];
}

interface NotedChunk {
  readonly one: NotedGeneration;
  readonly id: string;
}

function* chunksOf(generations: readonly NotedGeneration[]): Generator<NotedChunk, undefined> {
  for (const one of generations) {
    for (let chunk = 0; chunk < one.chunkCount; chunk += 1) {
      yield { one, id: chunkIdOf(one.key, one.generation, chunk) };
    }
  }
}

function take(chunks: Generator<NotedChunk, undefined>, count: number): readonly NotedChunk[] {
  const taken: NotedChunk[] = [];
  while (taken.length < count) {
    const { value } = chunks.next();
    if (value === undefined) break;
    taken.push(value);
  }
  return taken;
}
