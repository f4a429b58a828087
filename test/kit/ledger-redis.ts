import { RedisConnection } from "#adapters/ledger-redis/connection.ts";
import { openRedisLedger, type RedisLedgerOptions } from "#adapters/ledger-redis/ledger.ts";
import { keyNames } from "#adapters/ledger-redis/names.ts";
import { RedisLedger } from "#adapters/ledger-redis/redis-ledger.ts";
import { openStore, type Store } from "#adapters/ledger-redis/store.ts";
import type { TestRedis } from "./redis.ts";

/** Opens a ledger on a test's Redis. One behind `REDIS_URL` is not the tests' own, and may be set up for speed. */
export async function openTestLedger(
  redis: TestRedis | undefined,
  options: Partial<RedisLedgerOptions> = {},
): ReturnType<typeof openRedisLedger> {
  return openRedisLedger({ clock: () => 0, ...ofServer(redis), ...options });
}

/** A ledger whose store a test has wrapped, to stand between a command's read and its write. */
export async function openWrappedLedger(
  redis: TestRedis | undefined,
  options: { readonly namespace: string; readonly url?: string; readonly timeoutMs?: number },
  wrap: (store: Store) => Store,
): Promise<RedisLedger> {
  const { namespace, timeoutMs = 10_000 } = options;
  const connection = new RedisConnection({ ...ofServer(redis), timeoutMs, onError: () => {}, ...options });
  await connection.open();
  const store = await openStore({ connection, names: keyNames(namespace), refuseOlder: true });
  return new RedisLedger({ connection, store: wrap(store), clock: () => 0 });
}

function ofServer(redis: TestRedis | undefined) {
  if (redis === undefined) throw new Error("there is no Redis");
  return { url: redis.url, durability: redis.isOwn ? ("strict" as const) : ("relaxed" as const) };
}
