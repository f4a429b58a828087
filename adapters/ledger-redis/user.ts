/**
 * What a Redis user for this ledger may do, as the words of `ACL SETUSER`: its own keys, the commands that the ledger sends, and nothing that
 * empties, copies or lists a store. Commands inside the script count as the user's own.
 * @param namespace as given to `openRedisLedger`
 */
export function userRules(namespace = "reticent"): readonly string[] {
  const commands = [
    // Every connection.
    "hello auth ping select client|setname info config|get",
    // Outside of the script.
    "eval evalsha get mget hgetall",
    // Inside.
    "set getrange exists incr unlink",
    "hset hsetnx hget hmget hkeys hdel",
    "sadd srem sismember",
    "zadd zrem zrange zrangebylex zrangebyscore zlexcount zscore zremrangebyrank",
  ].flatMap((line) => line.split(" "));
  return ["resetchannels", `~{${namespace}}:*`, "-@all", ...commands.map((command) => `+${command}`)];
}
