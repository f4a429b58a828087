import { ForeignCollections } from "#adapters/index-qdrant/collections.ts";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import { openRedisLedger } from "#adapters/ledger-redis/ledger.ts";
import { isRelaxedEnough, UnusableRedis } from "#adapters/ledger-redis/server-check.ts";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { NoSuchDatabase } from "#adapters/redis/database.ts";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { EmbeddingModel } from "#core/ports/embedder.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { TraceStore } from "#core/ports/trace.ts";
import type { QdrantConfig, RedisConfig } from "#services/adapter-settings.ts";
import { ConfigError, type ServiceConfig } from "#services/config.ts";
import type { Closers } from "./closers.ts";
import type { Ports, QueueEvents, ServiceQueue } from "./ports.ts";

/** Documents that one process indexes at the same time: while one is embedded, another one is read or written. */
const indexingConcurrency = 4;

/** A server that hangs is named as what failed: its requests end before the deadline of the request that they are for. */
const shareOfDeadline = 0.8;

/** Opens ledger, content store and probes on Redis. @throws ConfigError for a server that must not hold a ledger; AppError `ledger-unavailable` */
export async function openSharedStore(
  { url, durability, namespace }: RedisConfig,
  clock: Clock,
  closers: Closers,
  onError: (error: unknown) => void,
  deadlineMs = Number.POSITIVE_INFINITY,
): Promise<Pick<Ports, "probes"> & Required<Pick<Ports, "revisions">> & { readonly ledger: OpenRedisLedger }> {
  const opened = await openRedisLedger({
    url,
    clock,
    namespace,
    durability: durability === "relaxed" ? "relaxed" : "strict",
    timeoutMs: Math.min(2_000, Math.floor(deadlineMs * shareOfDeadline)),
    onError,
  }).catch((error: unknown) => {
    if (!(error instanceof UnusableRedis)) throw error;
    const reasons = error.message.replaceAll("\n", "; ");
    const hint = "; RETICENT_LEDGER_DURABILITY=relaxed runs on it all the same";
    throw new ConfigError([`RETICENT_REDIS_URL: ${reasons}${isRelaxedEnough(error.findings) ? hint : ""}`]);
  });
  closers.add(() => opened.ledger.close());
  return opened;
}

/** A ledger on Redis, with what it says of its server. */
export type OpenRedisLedger = Awaited<ReturnType<typeof openRedisLedger>>["ledger"];

/**
 * Opens the index on Qdrant.
 * @param ledger names the ledger that it is filled from, where that has a name
 * @throws AppError `index-unavailable`, also for a server that is too old; ConfigError when it was filled from another ledger
 */
export async function openSharedIndex(
  { url, apiKey, namespace, exactChunks, isApproximateAllowed }: QdrantConfig,
  model: EmbeddingModel,
  deadlineMs: number,
  ledger: string | undefined,
): Promise<VectorIndex> {
  return openQdrantIndex({
    url,
    prefix: namespace,
    model,
    timeoutMs: Math.floor(deadlineMs * shareOfDeadline),
    awaitsFill: true,
    ...(ledger === undefined ? {} : { ledger }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(isApproximateAllowed ? { approximateAbove: exactChunks } : {}),
  }).catch((error: unknown) => {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof ForeignCollections)) throw error;
    throw new ConfigError([
      `RETICENT_QDRANT_URL: ${cause.message} than the one behind RETICENT_REDIS_URL: was that emptied, or exchanged? If it was meant, delete the collections`,
    ]);
  });
}

/** Opens traces and feedback on Redis. @throws ConfigError for a database that the server does not have */
export async function openSharedTraces(
  { url, namespace }: RedisConfig,
  { traceRetention }: Pick<ServiceConfig, "traceRetention">,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<TraceStore> {
  return openRedisTraceStore({ url, prefix: `${namespace}-traces`, clock, retention: traceRetention, onError }).catch(
    blaming("RETICENT_REDIS_URL"),
  );
}

/** A database that the server does not have is a bad setting. */
const blaming =
  (setting: string) =>
  (error: unknown): never => {
    throw error instanceof NoSuchDatabase ? new ConfigError([`${setting}: ${error.message}`]) : error;
  };

/**
 * Opens the queue on Redis. It opens also while the server is away: the reconciler finds what it loses.
 * @throws ConfigError for a database that the server does not have
 */
export async function openSharedQueue(
  { url, queueUrl, namespace }: RedisConfig,
  deadlineMs: number,
  events: QueueEvents,
): Promise<ServiceQueue> {
  const queue = await openBullQueue({
    url: queueUrl,
    // A queue that hangs must not take the time in which a write that was committed is acknowledged.
    answerMs: Math.min(1_000, Math.floor(deadlineMs / 4)),
    // In braces, so that a cluster keeps the queue in one slot.
    prefix: `{${namespace}}`,
    concurrency: indexingConcurrency,
    maxAttempts: 5,
    backoffMs: 200,
    maxBackoffMs: 30_000,
    onGiveUp: events.onGiveUp,
    onError: events.onError,
    onTrouble: (error) => events.onError(undefined, error),
  }).catch(blaming(queueUrl === url ? "RETICENT_REDIS_URL" : "RETICENT_QUEUE_REDIS_URL"));
  // Its methods may be in its private state.
  return {
    wake: (key, urgency) => queue.wake(key, urgency),
    start: (handler) => queue.start(handler),
    depth: () => queue.depth(),
    close: () => queue.close(),
    isReachable: () => queue.health().reachable,
    failedWakes: () => queue.health().failedWakes,
  };
}
