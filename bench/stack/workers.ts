import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openRedisLedger } from "#adapters/ledger-redis/ledger.ts";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import type { DocumentKey } from "#core/document.ts";
import { putOf } from "#test/kit/documents.ts";
import { round } from "../index/figures.ts";
import { bodyOf, chunksPerDocument } from "../retrieve/corpus.ts";
import { keyAt } from "./collection.ts";
import { inLanes } from "./fill.ts";
import type { Place } from "./inputs.ts";

/** What a number of worker processes index. */
export interface WorkerFigures {
  readonly workers: number;
  readonly documents: number;
  readonly seconds: number;
  readonly documentsPerSecond: number;
  readonly chunksPerSecond: number;
  readonly load: number;
}

/** Far beyond any sweep of a run: what is measured is what wake-ups bring. */
const sweepMs = 600_000;

/**
 * Starts so many `reticent worker` processes with the hashed encoder, lays documents down in the ledger, and wakes them all at once.
 * @param from number of the first document that is not in the collection
 * @returns from the first wake-up until the last document is live
 */
export async function measureWorkers(
  place: Place,
  workers: number,
  from: number,
  documents: number,
): Promise<WorkerFigures> {
  const { fingerprint } = hashedEmbedder().model;
  const { ledger } = await openRedisLedger({ url: place.redisUrl, clock: Date.now });
  const queue = await openBullQueue({
    url: place.redisUrl,
    concurrency: 1,
    maxAttempts: 1,
    backoffMs: 1,
    maxBackoffMs: 1,
    onGiveUp: async () => {},
    onError: () => {},
    onTrouble: () => {},
  });
  const lagging = async () => (await ledger.lagging(fingerprint, 1, true)).length;
  const processes = await Promise.all(Array.from({ length: workers }, () => startWorker(place)));
  try {
    // What the first sweep of a worker finds is done before anything is measured.
    while ((await lagging()) > 0) await sleep(50);
    const keys = Array.from({ length: documents }, (_, at) => keyAt(from + at));
    await inLanes(16, documents, async (at) => {
      const [key, body] = [keys[at] ?? keyAt(from), bodyOf(from + at)];
      await ledger.putDocument(putOf(key, { title: `Document ${from + at}`, contentType: "text/markdown", body }));
    });
    const start = performance.now();
    await inLanes(16, documents, (at) => queue.wake(keys[at] ?? keyAt(from)));
    while ((await lagging()) > 0) await sleep(20);
    const seconds = (performance.now() - start) / 1_000;
    await refuseFailed(keys, fingerprint, async (part) => ledger.read(part));
    return {
      workers,
      documents,
      seconds: round(seconds),
      documentsPerSecond: round(documents / seconds, 1),
      chunksPerSecond: round((documents * chunksPerDocument) / seconds, 0),
      load: round(loadavg()[0] ?? 0, 1),
    };
  } finally {
    await Promise.all(processes.map(stopWorker));
    await queue.close();
    await ledger.close();
  }
}

/** @throws Error when a document ended in any other way than live */
async function refuseFailed(
  keys: readonly DocumentKey[],
  fingerprint: string,
  read: (keys: readonly DocumentKey[]) => Promise<readonly ({ readonly live: object } | undefined)[]>,
): Promise<void> {
  const records = await read(keys);
  const notLive = records.filter((record) => record === undefined || !(fingerprint in record.live)).length;
  if (notLive > 0) throw new Error(`${notLive} of ${keys.length} documents are not live`);
}

async function startWorker(place: Place): Promise<ChildProcess> {
  const main = join(import.meta.dirname, "../../services/cli/main.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, "worker"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env.PATH,
      RETICENT_PORT: "0",
      RETICENT_DATA: place.dataDir,
      RETICENT_POLICIES: place.policyDir,
      RETICENT_LEDGER: "redis",
      RETICENT_INDEX: "qdrant",
      RETICENT_QUEUE: "bullmq",
      RETICENT_REDIS_URL: place.redisUrl,
      RETICENT_QDRANT_URL: place.qdrantUrl,
      RETICENT_EMBEDDER: "hashed",
      RETICENT_SWEEP_MS: String(sweepMs),
      RETICENT_LOG_LEVEL: "error",
    },
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.once("exit", (code) => reject(new Error(`a worker ended with ${code}: ${said}`)));
    child.stderr?.on("data", (part: Buffer) => {
      said = `${said}${part.toString()}`.slice(-4_000);
      if (said.includes("listening on")) resolve();
    });
  });
  return child;
}

async function stopWorker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
