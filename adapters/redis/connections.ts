import { Redis } from "ioredis";
import { DatabaseRedis } from "./database.ts";

const reconnectMs = 1_000;
/** After this time without an answer a worker's connection is taken for dead; BullMQ's longest blocking read takes 10 s. */
const workerSilenceMs = 12_000;

/**
 * A connection for questions that somebody waits for: nothing is queued while the server is away, so that nobody waits for a
 * reconnection, and a server that says nothing is left after `answerMs`.
 */
export function askingConnection(url: string, answerMs: number): DatabaseRedis {
  return new DatabaseRedis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerMs,
    socketTimeout: answerMs,
    connectTimeout: answerMs,
    retryStrategy: (times) => Math.min(reconnectMs, 50 * times),
  });
}

/** A connection of a worker: it waits as long as it takes for the server to come back. */
export function workingConnection(url: string): DatabaseRedis {
  return new DatabaseRedis(url, {
    maxRetriesPerRequest: null,
    socketTimeout: workerSilenceMs,
    retryStrategy: (times) => Math.min(reconnectMs, 50 * times),
  });
}

/**
 * A connection for a few questions, which never tries to come back. It is not opened yet, and whoever opens it disconnects it.
 * @param onError told what is wrong: the rejection of `connect` only says that there is no connection
 */
export function lookingConnection(url: string, answerMs: number, onError: (error: unknown) => void): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: "reticent-doctor",
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerMs,
    socketTimeout: answerMs,
    connectTimeout: answerMs,
    retryStrategy: () => null,
  });
  redis.on("error", onError);
  return redis;
}

/**
 * Waits until a connection is usable, or for the given time.
 * @returns whether it is
 * @throws NoSuchDatabase when there is a server and it does not give the database; the connection is then ended
 */
export async function readyWithin(redis: DatabaseRedis, ms: number): Promise<boolean> {
  if (redis.status === "ready") return true;
  const signal = AbortSignal.timeout(ms);
  await new Promise<void>((resolve) => {
    const end = (): void => {
      redis.off("ready", end);
      redis.off("close", left);
      resolve();
    };
    const left = (): void => {
      if (redis.noDatabase !== undefined) end();
    };
    redis.on("ready", end);
    redis.on("close", left);
    signal.addEventListener("abort", end);
  });
  if (redis.noDatabase !== undefined) {
    redis.disconnect();
    throw redis.noDatabase;
  }
  return isReady(redis);
}

function isReady(redis: Redis): boolean {
  return redis.status === "ready";
}

/** Rejects when the work takes longer; the work itself goes on. */
export async function within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
