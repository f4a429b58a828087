import type { Redis } from "ioredis";
import { AppError } from "#core/errors.ts";
import type { AgreedPolicy, PolicyRevisions } from "#core/ports/policy-revisions.ts";

/** Replaced revisions that are remembered; an older one counts as new. */
const remembered = 1_000;

// KEYS: current, superseded (sorted by when they were replaced). ARGV: from ("" = none), to, now, remembered.
const agreeScript = `
local current = redis.call("GET", KEYS[1])
if (current or "") ~= ARGV[1] then return 0 end
if current == ARGV[2] then return 1 end
if current then redis.call("ZADD", KEYS[2], ARGV[3], current) end
redis.call("ZREM", KEYS[2], ARGV[2])
redis.call("ZREMRANGEBYRANK", KEYS[2], 0, -1 - tonumber(ARGV[4]))
redis.call("SET", KEYS[1], ARGV[2])
return 1
`;

/** The agreed policy revision, beside the ledger in the same Redis: durable as that one is. */
export function redisPolicyRevisions(redis: Redis, prefix: string, clock: () => number): PolicyRevisions {
  const current = `${prefix}policy`;
  const superseded = `${prefix}policy:superseded`;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw cause instanceof AppError ? cause : new AppError("ledger-unavailable", { retryAfterS: 1 }, { cause });
    }
  };
  return {
    read: (mine) =>
      guarded(async (): Promise<AgreedPolicy> => {
        // One transaction: a revision must not be read as neither the current one nor a replaced one.
        const answers = await redis.multi().get(current).zscore(superseded, mine).exec();
        const [agreed, replacedAt] = (answers ?? []).map(([error, value]) => {
          if (error !== null) throw error;
          return value;
        });
        if (answers?.length !== 2) throw new Error("the transaction was not carried out");
        return {
          current: typeof agreed === "string" ? agreed : undefined,
          isSuperseded: replacedAt !== null && replacedAt !== undefined,
        };
      }),
    agree: (from, to) =>
      guarded(async () => {
        const done = await redis.eval(agreeScript, 2, current, superseded, from ?? "", to, clock(), remembered);
        return done === 1;
      }),
  };
}
