import { Redis } from "ioredis";
import { accessClassesOf } from "#adapters/ledger-redis/access-classes.ts";
import { membersOf } from "#adapters/ledger-redis/entries.ts";
import { envelopeReader } from "#adapters/ledger-redis/envelope.ts";
import { generationOfName, keyNames, nameOf } from "#adapters/ledger-redis/names.ts";

/** What is wrong with a ledger's indexes, in words; empty when all of them say what the documents say, no more and no less. */
export async function indexFaults(url: string, namespace: string): Promise<string[]> {
  const redis = new Redis(url);
  try {
    return await faults(redis, namespace);
  } finally {
    redis.disconnect();
  }
}

async function faults(redis: Redis, namespace: string): Promise<string[]> {
  const names = keyNames(namespace);
  const prefix = names.document("").slice(0, -"doc:".length);
  const keys: string[] = [];
  for await (const batch of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) keys.push(...batch);
  const registry: { fingerprints: string[] } = JSON.parse(
    (await redis.get(names.registry))?.replace(/^\S+ /, "") ?? "{}",
  );

  const promised = new Set<string>();
  const wrong: string[] = [];
  const inUse = new Set<string>();
  const envelopeOf = envelopeReader();
  for (const key of keys.filter((one) => one.startsWith(names.document("")))) {
    const name = key.slice(names.document("").length);
    const { envelope } = envelopeOf(name, await redis.get(key));
    if (envelope === undefined) continue;
    const { record, announced } = envelope;
    const add = (...words: unknown[]): void => void promised.add(JSON.stringify(words));
    for (const { key: set, member, score } of membersOf(names, envelope, registry.fingerprints).values())
      add(set, member, score);
    for (const [set, { classes, id, json }] of accessClassesOf(names, record)) {
      add(set, nameOf(record.key), 0);
      add(classes, id, json);
    }
    const body = await redis.getBuffer(names.body(name));
    const generation = body?.subarray(0, body.indexOf(" ")).toString();
    if (generation !== record.wanted?.generation.toString()) wrong.push(`${name} has the body of ${generation}`);
    for (const one of announced) inUse.add(JSON.stringify([name, one, record.wanted?.generation]));
    for (const [one, live] of Object.entries(record.live)) inUse.add(JSON.stringify([name, one, live.generation]));
  }

  const found = new Set<string>();
  // Neither follows from the documents.
  const others: readonly string[] = [names.retired, names.disabledTenants, names.supersededPolicies];
  for (const key of keys.filter((one) => !others.includes(one))) {
    const type = await redis.type(key);
    if (type === "zset") {
      const words = await redis.zrange(key, "0", "-1", "WITHSCORES");
      for (let at = 0; at < words.length; at += 2) found.add(JSON.stringify([key, words[at], Number(words[at + 1])]));
    }
    if (type === "hash" && key.startsWith(`${prefix}replaced:`))
      for (const [id, json] of Object.entries(await redis.hgetall(key))) found.add(JSON.stringify([key, id, json]));
  }
  for (const member of await redis.zrange(names.retired, "0", "-1")) {
    const { key, fingerprint, generation } = generationOfName(member);
    if (inUse.has(JSON.stringify([nameOf(key), fingerprint, generation]))) wrong.push(`in use and retired: ${member}`);
  }
  wrong.push(...[...promised].filter((one) => !found.has(one)).map((one) => `missing: ${one}`));
  wrong.push(...[...found].filter((one) => !promised.has(one)).map((one) => `left over: ${one}`));
  return wrong;
}
