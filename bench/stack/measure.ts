import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { QdrantClient } from "@qdrant/js-client-rest";
import { Redis } from "ioredis";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { startQdrant } from "#test/kit/qdrant.ts";
import { startRedis } from "#test/kit/redis.ts";
import { chunksPerDocument } from "../retrieve/corpus.ts";
import { benchPolicy } from "./collection.ts";
import { fill } from "./fill.ts";
import { benchEncoder, type EncoderName, type Place } from "./inputs.ts";
import { measureRetrieve, type RetrieveFigures } from "./retrieve.ts";
import { measureRevoke, type RevokeFigures } from "./revoke.ts";
import { measureSizes, type Sizes, settled } from "./sizes.ts";
import { measureWorkers, type WorkerFigures } from "./workers.ts";

/** The parts that can be measured. */
export const parts = ["retrieve", "revoke", "workers"] as const;
/** One of {@link parts}. */
export type Part = (typeof parts)[number];

/** How large and how long. */
export interface StackOptions {
  readonly chunks: number;
  /** Per share of visible chunks. */
  readonly questions: number;
  readonly revokes: number;
  /** Per number of workers. */
  readonly documents: number;
  readonly workers: readonly number[];
  readonly encoder: EncoderName;
  readonly parts: readonly Part[];
}

/** What a run came to; a part that was not asked for is absent. */
export interface StackFigures {
  readonly cores: number;
  readonly encoder: EncoderName;
  readonly fillSeconds: number;
  readonly sizes: Sizes;
  readonly retrieve?: readonly RetrieveFigures[];
  readonly revoke?: RevokeFigures;
  readonly workers?: readonly WorkerFigures[];
}

/**
 * Fills servers of its own (an empty Qdrant behind `QDRANT_URL` will do, too) and measures the parts that are asked for.
 * @throws Error where there is no redis-server or no Qdrant
 */
export async function measureStack(options: StackOptions, progress: (what: string) => void): Promise<StackFigures> {
  const policy = policyFolder(benchPolicy);
  const dataDir = mkdtempSync(join(tmpdir(), "reticent-bench-"));
  // Nothing is promised while it is filled.
  const redis = await startRedis({ own: true, config: { appendfsync: "no" } });
  const qdrant = await startQdrant();
  try {
    if (redis === undefined) throw new Error("there is no redis-server on the PATH");
    if (qdrant === undefined) throw new Error("there is no Qdrant: set QDRANT_BINARY or QDRANT_URL");
    if (!qdrant.isOwn) await refuseUsed(qdrant.url);
    const { encoder, chunks } = options;
    const place: Place = { qdrantUrl: qdrant.url, redisUrl: redis.url, dataDir, policyDir: policy.dir, encoder };
    const documents = Math.ceil(chunks / chunksPerDocument);
    const start = performance.now();
    const filled = await fill({ ...place, embedder: await benchEncoder(place) }, documents, (done) =>
      progress(`${done} of ${documents} documents`),
    );
    progress("Qdrant puts its points in order");
    await settled(qdrant, filled);
    const fillSeconds = Math.round((performance.now() - start) / 1_000);
    await syncEveryWrite(redis.url);
    const sizes = await measureSizes(qdrant, redis.url, filled, documents);
    const wants = (part: Part) => options.parts.includes(part);
    const pid = qdrant.pid?.();
    return {
      cores: availableParallelism(),
      encoder,
      fillSeconds,
      sizes,
      ...(wants("retrieve")
        ? { retrieve: await measureRetrieve(place, documents, options.questions, pid, progress) }
        : {}),
      ...(wants("revoke") ? { revoke: await measureRevoke(place, documents, options.revokes) } : {}),
      ...(wants("workers") ? { workers: await inTurn(place, documents, options, progress) } : {}),
    };
  } finally {
    if (qdrant?.isOwn === false) await dropAll(qdrant.url);
    await qdrant?.stop();
    await redis?.stop();
    policy.remove();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function inTurn(
  place: Place,
  documents: number,
  options: StackOptions,
  progress: (what: string) => void,
): Promise<readonly WorkerFigures[]> {
  const figures: WorkerFigures[] = [];
  for (const [turn, workers] of options.workers.entries()) {
    progress(`${workers} workers`);
    const from = documents + turn * options.documents;
    // oxlint-disable-next-line no-await-in-loop
    figures.push(await measureWorkers(place, workers, from, options.documents));
  }
  return figures;
}

async function syncEveryWrite(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.config("SET", "appendfsync", "always");
  redis.disconnect();
}

async function collectionsOf(url: string): Promise<readonly string[]> {
  const { collections } = await new QdrantClient({ url, checkCompatibility: false }).getCollections();
  return collections.map(({ name }) => name);
}

/** The collections have the names that a deployment's have. */
async function refuseUsed(url: string): Promise<void> {
  if ((await collectionsOf(url)).length > 0)
    throw new Error("the Qdrant behind QDRANT_URL is in use: it must be empty");
}

async function dropAll(url: string): Promise<void> {
  const client = new QdrantClient({ url, checkCompatibility: false });
  await Promise.all((await collectionsOf(url)).map((name) => client.deleteCollection(name)));
}
