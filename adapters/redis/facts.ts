import type { Redis } from "ioredis";

/** What a Redis server says of itself. `null`: it does not say, or does not let this user ask. */
export interface RedisFacts {
  /** The product's name and version, e.g. `Redis 7.0.15`. */
  readonly product: string;
  readonly role: string | null;
  readonly isCluster: boolean;
  readonly memory: { readonly used: number; readonly max: number } | null;
  readonly appendOnlyFile: { readonly isOn: boolean; readonly lastWrite: string; readonly lastRewrite: string } | null;
  /** Values of the asked settings. */
  readonly settings: ReadonlyMap<string, string | null>;
  /** Shortest of a few questions and answers, ms. */
  readonly roundTripMs: number;
  /** The server's clock less ours, ms; as exact as half of the question's time. */
  readonly clockAheadMs: number | null;
}

/** Questions whose shortest time counts. */
const pings = 5;

/**
 * Asks a server, and changes nothing.
 * @param settings names for `CONFIG GET`
 * @throws what ioredis throws when it does not answer
 */
export async function redisFacts(
  redis: Redis,
  settings: readonly string[],
  clock: () => number = Date.now,
): Promise<RedisFacts> {
  const info = infoOf(await redis.info());
  const values = new Map<string, string | null>();
  for (const name of settings) values.set(name, await settingOf(redis, name));
  let roundTripMs = Infinity;
  for (let ping = 0; ping < pings; ping++) {
    const start = performance.now();
    await redis.ping();
    roundTripMs = Math.min(roundTripMs, performance.now() - start);
  }
  const [valkey, version] = [info.get("valkey_version"), info.get("redis_version")];
  const used = Number(info.get("used_memory"));
  const aof = info.get("aof_enabled");
  return {
    product: valkey === undefined ? `Redis ${version ?? "of an unknown version"}` : `Valkey ${valkey}`,
    role: info.get("role") ?? null,
    isCluster: info.get("cluster_enabled") === "1",
    memory: Number.isFinite(used) ? { used, max: Number(info.get("maxmemory") ?? 0) } : null,
    appendOnlyFile:
      aof === undefined
        ? null
        : {
            isOn: aof === "1",
            lastWrite: info.get("aof_last_write_status") ?? "ok",
            lastRewrite: info.get("aof_last_bgrewrite_status") ?? "ok",
          },
    settings: values,
    roundTripMs,
    clockAheadMs: await clockAhead(redis, clock),
  };
}

/** A setting, or `null` when the server does not know it or does not let this user ask. */
export async function settingOf(redis: Redis, name: string): Promise<string | null> {
  const reply = await unlessRefused(async () => redis.config("GET", name));
  const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
  return typeof value === "string" ? value : null;
}

/** What a question is answered, or `null` when the server refuses it, as hosted ones do. Anything else is no answer at all, and is thrown. */
export async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return null;
    throw error;
  }
}

async function clockAhead(redis: Redis, clock: () => number): Promise<number | null> {
  const before = clock();
  const reply = await unlessRefused(async () => redis.time());
  const after = clock();
  const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : [];
  if (seconds === undefined || micros === undefined || !Number.isFinite(seconds + micros)) return null;
  return seconds * 1_000 + micros / 1_000 - (before + after) / 2;
}

/** What `INFO` answers, by field. */
export function infoOf(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\r\n").flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(lines);
}
