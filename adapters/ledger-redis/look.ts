import type { Redis } from "ioredis";
import { unlessRefused } from "#adapters/redis/facts.ts";
import { defaultNamespace, keyNames } from "./names.ts";
import { probeVectors } from "./probes.ts";
import { isKnown, type Registry, readRegistry, storeFormat } from "./store.ts";

/** What lies in a ledger on Redis, read without changing it. */
export interface StoreLook {
  readonly id: string;
  /** Why this program does not read it; `undefined` when it does. */
  readonly otherVersion: string | undefined;
  readonly active: string | null;
  /** Writes ever accepted. */
  readonly writes: number;
  /** Documents of all tenants, tombstones included. */
  readonly documents: number;
  readonly failed: number;
  /** Documents that are to be found, indexed or not: not deleted, and not failed. */
  readonly due: number;
  /** The policy revision that all processes agreed on. */
  readonly policy: string | null;
  /** Documents that are to be indexed under a fingerprint and are not yet. */
  lagging(fingerprint: string): Promise<number>;
  probes(fingerprint: string): Promise<ReadonlyMap<string, Float32Array>>;
  /** Whether a policy revision was in force and was replaced; `null` when this user may not ask. */
  isSuperseded(policy: string): Promise<boolean | null>;
}

/**
 * Looks at the store on a server, with no command that a user of its own (user.ts) may not use.
 * @returns `undefined` when there is none: no process ever started
 * @throws what ioredis throws; Error for a registry that this program did not write
 */
export async function lookIntoStore(redis: Redis, namespace = defaultNamespace): Promise<StoreLook | undefined> {
  const names = keyNames(namespace);
  const [found = null, writes = null, policy = null] = await redis.mget(names.registry, names.writes, names.policy);
  if (found === null) return undefined;
  const { registry } = readRegistry(found);
  const size = (set: string) => redis.zlexcount(set, "-", "+");
  return {
    id: registry.id,
    otherVersion:
      registry.format === storeFormat
        ? undefined
        : `it holds version ${registry.format} of the ledger, this program reads version ${storeFormat}`,
    active: registry.active,
    writes: Number(writes ?? 0),
    documents: await size(names.stored),
    failed: await size(names.failed),
    due: await size(names.dueNames),
    policy,
    lagging: (fingerprint) => size(laggingSet(registry, fingerprint, names)),
    probes: async (fingerprint) => probeVectors(await redis.hgetallBuffer(names.probes(fingerprint))),
    isSuperseded: async (mine) => {
      // In a list, because no score is an answer as well.
      const reply = await unlessRefused(async () => [await redis.zscore(names.supersededPolicies, mine)]);
      return reply === null ? null : reply[0] !== null;
    },
  };
}

/** Under a fingerprint that is not kept account of, everything that is due lags. */
function laggingSet(registry: Registry, fingerprint: string, names: ReturnType<typeof keyNames>): string {
  return isKnown(registry, fingerprint) ? names.laggingNames(fingerprint) : names.dueNames;
}

/** As whom the server takes us. */
export interface RedisUser {
  /** `null` when the server does not say. */
  readonly name: string | null;
  /** Commands of the ledger that this user may not use; `null` when the server does not say. */
  readonly lacks: readonly string[] | null;
}

/** A call of each kind of command that the ledger sends, with the fewest words that are well-formed. */
const calls: readonly (readonly [command: string, ...words: string[]])[] = [
  ["evalsha", "0".repeat(40), "0"],
  ["eval", "return 1", "0"],
  ["mget", "KEY"],
  ["hgetall", "KEY"],
  ["set", "KEY", "x"],
  ["incr", "KEY"],
  ["unlink", "KEY"],
  ["hset", "KEY", "f", "x"],
  ["hmget", "KEY", "f"],
  ["sadd", "KEY", "x"],
  ["zadd", "KEY", "0", "x"],
  ["zrangebylex", "KEY", "-", "+"],
];

/** Asks who we are and, where the server lets us, whether this user may do what the ledger does. Runs none of it. */
export async function lookAtUser(redis: Redis, namespace = defaultNamespace): Promise<RedisUser> {
  const who = await unlessRefused(async () => redis.call("ACL", "WHOAMI"));
  const name = typeof who === "string" ? who : null;
  if (name === null) return { name, lacks: null };
  const key = keyNames(namespace).registry;
  const lacks: string[] = [];
  for (const [command, ...words] of calls) {
    const asked = words.map((word) => (word === "KEY" ? key : word));
    const reply = await unlessRefused(async () => redis.call("ACL", "DRYRUN", name, command, ...asked));
    if (reply === null) return { name, lacks: null };
    if (reply !== "OK") lacks.push(command);
  }
  return { name, lacks };
}
