import { type Access, nobody } from "#core/access/acl.ts";
import { type DocumentKey, keyString } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { IndexedGeneration, PlacedGeneration } from "#core/ports/index.ts";
import type { OpenCollections } from "./collections.ts";
import { allOf, type Condition, ids, is, within } from "./filter.ts";
import { type AccessFields, searchPoint, textPoint, withdrawn } from "./points.ts";
import type { Server } from "./server.ts";

/** Points of one request. */
const batch = 100;
/** Ids of one request. */
const idBatch = 1_000;

function* batches<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}

/**
 * Writes a generation, in nobody's search yet. A chunk that is there stays as it is. The searched points come first: from them everything that
 * belongs to a generation can be found again, however far its writing came.
 */
export async function writeGeneration(
  server: Pick<Server, "insert">,
  { search, texts }: OpenCollections,
  generation: IndexedGeneration,
): Promise<void> {
  const [first] = generation.chunks;
  for (const part of batches(generation.chunks, batch)) {
    await server.insert(
      search,
      part.map((chunk) => searchPoint(generation, chunk, chunk === first)),
    );
  }
  for (const part of batches(generation.chunks, batch)) {
    await server.insert(
      texts,
      part.map((chunk) => textPoint(generation, chunk)),
    );
  }
}

/** Erases a generation by the ids of its points; what is searched goes last, see {@link writeGeneration}. */
export async function removeGeneration(
  server: Pick<Server, "scroll" | "delete">,
  { search, texts }: OpenCollections,
  key: DocumentKey,
  generation: number,
): Promise<void> {
  const isOfGeneration = allOf([is("document", keyString(key)), is("generation", generation)]);
  for (const part of batches(await idsOf(server, search, isOfGeneration), idBatch)) {
    await server.delete(texts, part);
    await server.delete(search, part);
  }
}

/**
 * Sets the access fields of all chunks of a generation whose revision is lower.
 * @returns whether all chunks of the generation are there and carry this revision or a higher one
 */
export async function placeAccess(
  server: Pick<Server, "setFields" | "count">,
  { search }: OpenCollections,
  { key, generation, chunkCount }: PlacedGeneration,
  accesses: readonly [Access, ...Access[]],
  accessRevision: number,
): Promise<boolean> {
  const chunks = Array.from({ length: chunkCount }, (_, chunk) => chunkIdOf(key, generation, chunk));
  const fields = accessFields(accesses, accessRevision);
  let placed = 0;
  for (const part of batches(chunks, idBatch)) {
    await server.setFields(search, allOf([ids(part), within("access_revision", { lt: accessRevision })]), {
      ...fields,
    });
    placed += await server.count(search, allOf([ids(part), within("access_revision", { gte: accessRevision })]));
  }
  return placed === chunkCount;
}

/** The fields of accesses that all have to let a caller in: one, or two. */
export function accessFields(accesses: readonly [Access, ...Access[]], accessRevision: number): AccessFields {
  const [first, second, ...more] = accesses;
  if (more.length > 0) throw new Error(`${accesses.length} accesses at a time`);
  const all = [first, second ?? nobody];
  return {
    grants: first.grants,
    // Nobody is let in by an access without grants, and no list means that there is no second access.
    other_grants: second === undefined ? [] : second.grants.length === 0 ? [neverGranted] : second.grants,
    denies: [...new Set(all.flatMap(({ denies }) => denies))].toSorted(),
    labels: [...new Set(all.flatMap(({ labels }) => labels))].toSorted(),
    access_revision: accessRevision,
  };
}

/** No caller has this token: all of theirs have a kind, or are `everyone`. */
const neverGranted = "nobody";

/** Takes every generation of a document below one out of searches. */
export async function withdraw(
  server: Pick<Server, "scroll" | "setFields">,
  { search }: OpenCollections,
  key: DocumentKey,
  below: number,
): Promise<void> {
  const older: Condition[] = [
    is("document", keyString(key)),
    within("generation", { lt: below }),
    within("access_revision", { lt: withdrawn.access_revision }),
  ];
  for (const part of batches(await idsOf(server, search, allOf(older)), idBatch)) {
    await server.setFields(search, allOf([ids(part)]), { ...withdrawn });
  }
}

async function idsOf(
  server: Pick<Server, "scroll">,
  collection: string,
  filter: ReturnType<typeof allOf>,
): Promise<readonly string[]> {
  const found: string[] = [];
  let offset: string | undefined;
  do {
    const { points, next } = await server.scroll(collection, { filter, limit: idBatch, offset, with_payload: false });
    found.push(...points.map(({ id }) => id));
    offset = next;
  } while (offset !== undefined);
  return found;
}
