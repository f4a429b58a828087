import { openRedisLedger, type RedisLedgerOptions } from "#adapters/ledger-redis/ledger.ts";
import type { TestRedis } from "./redis.ts";

/** Opens a ledger on a test's Redis. One behind `REDIS_URL` is not the tests' own, and may be set up for speed. */
export async function openTestLedger(
  redis: TestRedis | undefined,
  options: Partial<RedisLedgerOptions> = {},
): ReturnType<typeof openRedisLedger> {
  if (redis === undefined) throw new Error("there is no Redis");
  const durability = redis.isOwn ? "strict" : "relaxed";
  return openRedisLedger({ url: redis.url, clock: () => 0, durability, ...options });
}
