import type { Redis, Result } from "ioredis";

/*
 * Every script touches the keys of one tenant, which share a hash tag: on a cluster they lie together. The keys that a script derives
 * from its prefix carry the same tag.
 *
 *   <prefix>trace:<id>        the compressed trace
 *   <prefix>order             sorted set of ids by time: the retention's
 *   <prefix>judged:<id>       hash of the judgements of a retrieval: field → time and judgement
 *   <prefix>feedback          sorted set of all judgements, all of score 0 and so in the order of their bytes: time and field
 *
 * A time is written in 16 digits, so that the order of bytes is the order of time. A field is the JSON of [retrieval, user, actors,
 * source, document].
 */
const timeDigits = 16;

/** ms since the epoch so that bytes sort like numbers. */
export function timeText(at: number): string {
  return String(Math.max(0, at)).padStart(timeDigits, "0");
}

/** Splits what {@link timeText} begins. */
export function withoutTime(text: string): string {
  return text.slice(timeDigits);
}

/** KEYS order · ARGV prefix, then id, time, trace of each. A trace that is there already, as after an answer that was lost, stays as it is. */
const record = `
  for i = 2, #ARGV, 3 do
    if redis.call('SET', ARGV[1] .. 'trace:' .. ARGV[i], ARGV[i + 2], 'NX') then
      redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
    end
  end`;

/** KEYS order, feedback · ARGV prefix, traces before this time, count to keep, most to erase now. Gives how many were erased. */
const retain = `
  local function erase(ids)
    for _, id in ipairs(ids) do
      local judged = ARGV[1] .. 'judged:' .. id
      local pairs = redis.call('HGETALL', judged)
      for i = 1, #pairs, 2 do
        redis.call('ZREM', KEYS[2], string.sub(pairs[i + 1], 1, ${timeDigits}) .. pairs[i])
      end
      redis.call('DEL', judged, ARGV[1] .. 'trace:' .. id)
      redis.call('ZREM', KEYS[1], id)
    end
    return #ids
  end
  local most = tonumber(ARGV[4])
  local erased = erase(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2], 'LIMIT', 0, most))
  local over = math.min(redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3]), most - erased)
  if over > 0 then erased = erased + erase(redis.call('ZRANGE', KEYS[1], 0, over - 1)) end
  return erased`;

/** KEYS trace, judged, feedback · ARGV field, time and judgement, most per retrieval. */
const judge = `
  if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
  local earlier = redis.call('HGET', KEYS[2], ARGV[1])
  if not earlier and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then return 'full' end
  if earlier then redis.call('ZREM', KEYS[3], string.sub(earlier, 1, ${timeDigits}) .. ARGV[1]) end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[3], 0, string.sub(ARGV[2], 1, ${timeDigits}) .. ARGV[1])
  return 'kept'`;

/** KEYS feedback · ARGV prefix, start of the range, most. Gives the judgements, each after its time. */
const page = `
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
    local field = string.sub(member, ${timeDigits + 1})
    found[#found + 1] = redis.call('HGET', ARGV[1] .. 'judged:' .. cjson.decode(field)[1], field)
  end
  return found`;

declare module "ioredis" {
  interface RedisCommander<Context> {
    /** Keeps a batch of traces of one tenant. */
    traceRecord(order: string, prefix: string, ...traces: (string | number | Buffer)[]): Result<unknown, Context>;
    /** Applies the retention to one tenant. */
    traceRetain(
      order: string,
      feedback: string,
      prefix: string,
      before: number,
      count: number,
      most: number,
    ): Result<number, Context>;
    /** Keeps a judgement. */
    traceJudge(
      trace: string,
      judged: string,
      feedback: string,
      field: string,
      value: string,
      most: number,
    ): Result<string, Context>;
    /** A page of judgements. */
    tracePage(feedback: string, prefix: string, from: string, most: number): Result<string[], Context>;
  }
}

/** Makes the scripts known to a connection. */
export function defineTraceScripts(redis: Redis): void {
  redis.defineCommand("traceRecord", { numberOfKeys: 1, lua: record });
  redis.defineCommand("traceRetain", { numberOfKeys: 2, lua: retain });
  redis.defineCommand("traceJudge", { numberOfKeys: 3, lua: judge });
  redis.defineCommand("tracePage", { numberOfKeys: 1, lua: page });
}
