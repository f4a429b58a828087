import { Collections } from "#adapters/index-qdrant/collections.ts";
import { searchPoint, textPoint } from "#adapters/index-qdrant/points.ts";
import { Server } from "#adapters/index-qdrant/server.ts";
import { accessFields } from "#adapters/index-qdrant/writes.ts";
import { openRedisLedger } from "#adapters/ledger-redis/ledger.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import { noQuality, putOf } from "#test/kit/documents.ts";
import { accessAt, chunksAt, contentAt } from "./collection.ts";

/** Documents whose points go in one request. */
const together = 32;

/** Does steps 0 … count − 1 in a number of lanes. */
export async function inLanes(lanes: number, count: number, step: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    // The steps of a lane are to follow each other.
    // oxlint-disable-next-line no-await-in-loop
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Inserting again changes nothing: on a busy machine the server may close a connection before it is used again. */
async function insert(server: Server, collection: string, points: Parameters<Server["insert"]>[1]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await server.insert(collection, points);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/**
 * Puts documents into ledger and index as workers would have left them: accepted, indexed as generation 1, placed and published. Points of many
 * documents go in one request and carry their access at once; everything else is what the adapters write.
 * @param progress told how many documents are there
 * @returns the number of chunks
 */
export async function fill(
  {
    qdrantUrl,
    redisUrl,
    embedder,
  }: { readonly qdrantUrl: string; readonly redisUrl: string; readonly embedder: Embedder },
  documents: number,
  progress: (documents: number) => void,
): Promise<number> {
  const { fingerprint, dimensions } = embedder.model;
  const server = new Server({ url: qdrantUrl, timeoutMs: 120_000, onTrouble: () => {} });
  const deployment = { prefix: "reticent", approximate: false, awaitsFill: true };
  const collections = new Collections(server, deployment);
  const { search, texts, stand } = await collections.ensure(fingerprint, dimensions);
  // While it is filled, nothing is promised to anybody.
  const { ledger } = await openRedisLedger({ url: redisUrl, clock: Date.now, durability: "relaxed" });
  await ledger.activate(undefined, fingerprint);
  let chunkCount = 0;
  let done = 0;
  await inLanes(4, Math.ceil(documents / together), async (part) => {
    const numbers = Array.from({ length: together }, (_, at) => part * together + at).filter((one) => one < documents);
    const generations = await Promise.all(
      numbers.map(async (document) => {
        const { key, content, body } = contentAt(document);
        const access = accessAt(document);
        const chunks = await chunksAt(document, embedder);
        return { key, content, body, access, chunks, generation: 1, fingerprint, quality: noQuality };
      }),
    );
    const points = generations.flatMap((one) =>
      one.chunks.map((chunk, at) => {
        const { payload, ...point } = searchPoint(one, chunk, at === 0);
        return { ...point, payload: { ...payload, ...accessFields([one.access], 1) } };
      }),
    );
    await insert(server, search, points);
    await insert(
      server,
      texts,
      generations.flatMap((one) => one.chunks.map((chunk) => textPoint(one, chunk))),
    );
    await Promise.all(
      generations.map(async ({ key, content, body, access, chunks }) => {
        const { generation, ...info } = content;
        await ledger.putDocument(putOf(key, { ...info, body, access }));
        await ledger.announce({ key, generation, fingerprint });
        const live = { key, generation, fingerprint, contentVersion: info.version, chunkCount: chunks.length };
        const outcome = await ledger.publish({ ...live, accessRevision: 1, accessPlaced: true });
        if (outcome !== "published") throw new Error(`${key.id} was not published: ${outcome}`);
      }),
    );
    chunkCount += points.length;
    done += numbers.length;
    progress(done);
  });
  await collections.filled(fingerprint, stand.instance);
  await ledger.close();
  return chunkCount;
}
