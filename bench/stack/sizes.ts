import { setTimeout as sleep } from "node:timers/promises";
import { QdrantClient } from "@qdrant/js-client-rest";
import { Redis } from "ioredis";
import type { TestQdrant } from "#test/kit/qdrant.ts";
import { round } from "../index/figures.ts";
import { diskMb, memoryMb } from "./figures.ts";

/** What the servers take for a collection. */
export interface Sizes {
  readonly chunks: number;
  /** Resident memory of Qdrant: all of it, and without the files that it has mapped, which may leave memory at any time. */
  readonly qdrantMb: number;
  readonly qdrantAnonymousMb: number;
  readonly qdrantDiskMb: number;
  readonly redisMb: number;
  readonly redisBytesPerDocument: number;
}

/** Seconds without work after which the server is believed to have none: between two steps of its work it has none for a moment. */
const calmSeconds = 8;

/** Waits until the server has put its points in order; at most ten minutes. @param chunks a small collection is never put in order */
export async function settled({ url }: Pick<TestQdrant, "url">, chunks: number): Promise<void> {
  if (chunks < 10_000) return;
  const client = new QdrantClient({ url, checkCompatibility: false });
  const { collections } = await client.getCollections();
  for (let [waited, calm] = [0, 0]; waited < 600; waited += 1) {
    const states = await Promise.all(collections.map(async ({ name }) => (await client.getCollection(name)).status));
    calm = states.every((state) => state === "green") ? calm + 1 : 0;
    if (calm > calmSeconds) return;
    await sleep(1_000);
  }
  throw new Error("Qdrant does not come to rest");
}

/** Sizes of what was filled; zeros for a Qdrant of somebody else. */
export async function measureSizes(
  qdrant: TestQdrant,
  redisUrl: string,
  chunks: number,
  documents: number,
): Promise<Sizes> {
  const memory = memoryMb(qdrant.pid?.());
  const redis = new Redis(redisUrl);
  const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1] ?? 0);
  redis.disconnect();
  return {
    chunks,
    qdrantMb: memory.all,
    qdrantAnonymousMb: memory.anonymous,
    qdrantDiskMb: qdrant.folder === undefined ? 0 : diskMb(qdrant.folder),
    redisMb: round(used / 1e6, 0),
    redisBytesPerDocument: Math.round(used / documents),
  };
}
