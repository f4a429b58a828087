/** One Redis command, or one of the named steps of {@link runScript}. */
export interface Command {
  readonly words: Words;
  readonly keys: readonly string[];
}

/** A command's name, its first key, and whatever follows. */
export type Words = readonly [string, string, ...(string | number | Buffer)[]];

/** A command whose first argument is a key; further keys are named after it. */
export function command(words: Words, ...more: string[]): Command {
  return { words, keys: [words[1], ...more] };
}

/** A reply that is a list of texts. */
export function strings(reply: unknown): string[] {
  if (!Array.isArray(reply)) throw new TypeError("Redis answered with something else than a list");
  return reply.map((one: unknown) => {
    if (typeof one !== "string") throw new TypeError("Redis answered with something else than a text");
    return one;
  });
}

/**
 * The only script of the ledger: runs commands if nothing moved that the caller had read. What is to be written was decided by the rules in
 * core/ingest/transitions.ts; nothing of them is repeated here.
 *
 * KEYS: the counter of writes, the watched keys, and every other key that the commands name.
 * ARGV: the least that the counter must say; 1 for a write, else 0; the number of watched keys and, for each, the first word of the value
 * that was read (empty: the key must not exist; with "!": what follows must not be a member of the set); then the commands, each as the number of its words and the words.
 * Answers the counter and the commands' replies; the counter alone when nothing was run.
 *
 * Redis does not undo half a script. It refuses to begin one that may write when it is out of memory, cannot write its file, or is a
 * replica, and after that only a wrong type could fail, which nobody but the ledger could have made.
 */
export const runScript = `
local step = {}
-- The generations retired before an instant, which are being collected from now on.
function step.HANDOUT(retired, collecting, before, limit)
  local members = redis.call('ZRANGEBYSCORE', retired, '-inf', '(' .. before, 'LIMIT', 0, limit)
  for _, member in ipairs(members) do redis.call('SADD', collecting, member) end
  return members
end
-- Forgets a generation, unless it was retired anew, or went live, since it was handed out.
function step.COLLECTED(collecting, retired, member)
  if redis.call('SREM', collecting, member) == 1 then redis.call('ZREM', retired, member) end
  return 1
end
-- Notes documents that are due, in the order of their names, as lagging. Answers how many, and the last name.
function step.COPYDUE(names, due, laggingNames, lagging, min, limit)
  local page = redis.call('ZRANGEBYLEX', names, min, '+', 'LIMIT', 0, limit)
  for _, name in ipairs(page) do
    redis.call('ZADD', laggingNames, 0, name)
    redis.call('ZADD', lagging, redis.call('ZSCORE', due, name), name)
  end
  return {#page, page[#page] or ''}
end
-- Forgets an access class that nothing is in any more.
function step.PRUNE(members, classes, class)
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', classes, class) end
  return 1
end

local writes = tonumber(redis.call('GET', KEYS[1]) or '0')
if writes < tonumber(ARGV[1]) then return {writes} end
local watched = tonumber(ARGV[3])
for i = 1, watched do
  local word = ARGV[3 + i]
  if word == '' then
    if redis.call('EXISTS', KEYS[1 + i]) == 1 then return {writes} end
  elseif string.sub(word, 1, 1) == '!' then
    if redis.call('SISMEMBER', KEYS[1 + i], string.sub(word, 2)) == 1 then return {writes} end
  elseif string.match(redis.call('GETRANGE', KEYS[1 + i], 0, 79), '^[^ ]*') ~= word then
    return {writes}
  end
end
if ARGV[2] == '1' then writes = redis.call('INCR', KEYS[1]) end
local replies = {writes}
local at = 4 + watched
while at <= #ARGV do
  local size = tonumber(ARGV[at])
  local named = step[ARGV[at + 1]]
  if named then
    replies[#replies + 1] = named(unpack(ARGV, at + 2, at + size))
  else
    replies[#replies + 1] = redis.call(unpack(ARGV, at + 1, at + size))
  end
  at = at + size + 1
end
return replies
`;
