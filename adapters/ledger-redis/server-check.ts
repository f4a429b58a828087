import type { Redis } from "ioredis";

/** What a ledger needs of its Redis: `strict` loses nothing that was acknowledged, `relaxed` takes what it finds. */
export type Durability = "strict" | "relaxed";

/** What was found at the server, for `/v1/status` and `reticent doctor`. `null`: the server does not say. */
export interface ServerFindings {
  readonly version: string | null;
  readonly role: string | null;
  readonly clustered: boolean;
  readonly maxmemoryPolicy: string | null;
  readonly appendonly: string | null;
  readonly appendfsync: string | null;
  readonly noAppendfsyncOnRewrite: string | null;
  readonly durability: Durability;
  /** Why the ledger would not work on this server, one line each; empty when it does. */
  readonly refusals: readonly string[];
  /** What may lose acknowledged writes and is accepted because the durability is relaxed, one line each. */
  readonly warnings: readonly string[];
}

/** The server is not one that a ledger may be kept on. The message has one line per reason. */
export class UnusableRedis extends Error {
  readonly findings: ServerFindings;

  constructor(findings: ServerFindings) {
    super(findings.refusals.join("\n"));
    this.name = "UnusableRedis";
    this.findings = findings;
  }
}

/** A setting, the value that a ledger needs, and what another one does. */
const needed = [
  ["maxmemory-policy", "noeviction", "another policy deletes documents, tombstones and revokes when memory is full"],
  ["appendonly", "yes", "without it a restart loses what was acknowledged since the last snapshot"],
  ["appendfsync", "always", "otherwise a crash of the machine loses what was acknowledged in the last seconds"],
  ["no-appendfsync-on-rewrite", "no", "otherwise nothing is synced while the append-only file is rewritten"],
] as const;

/**
 * Asks a server for what {@link ServerFindings} holds. It refuses nothing itself.
 * @throws what ioredis throws when the server does not answer
 */
export async function inspectServer(redis: Redis, durability: Durability): Promise<ServerFindings> {
  const info = infoOf(await redis.info());
  const settings = new Map<string, string | null>();
  for (const [name] of needed) settings.set(name, await settingOf(redis, name));
  const refusals: string[] = [];
  const warnings: string[] = [];
  const role = info.get("role") ?? null;
  const clustered = info.get("cluster_enabled") === "1";
  // A replica answers reads with what was revoked elsewhere.
  if (role !== "master")
    refusals.push(`Redis: role is "${role ?? "unknown"}"; the ledger reads and writes the primary only`);
  if (clustered) refusals.push("Redis: cluster mode is on; all keys of a ledger are in one slot, use a single primary");
  for (const [name, wanted, why] of needed) {
    const found = settings.get(name) ?? null;
    if (found === wanted) continue;
    const line = `Redis: ${name} must be "${wanted}" and is ${found === null ? "not told" : `"${found}"`}; ${why}`;
    if (durability === "strict") refusals.push(line);
    else warnings.push(line);
  }
  return {
    version: info.get("valkey_version") ?? info.get("redis_version") ?? null,
    role,
    clustered,
    maxmemoryPolicy: settings.get("maxmemory-policy") ?? null,
    appendonly: settings.get("appendonly") ?? null,
    appendfsync: settings.get("appendfsync") ?? null,
    noAppendfsyncOnRewrite: settings.get("no-appendfsync-on-rewrite") ?? null,
    durability,
    refusals,
    warnings,
  };
}

/** A setting, or `null` when the server does not know it or does not let this user ask. */
async function settingOf(redis: Redis, name: string): Promise<string | null> {
  try {
    const reply: unknown = await redis.config("GET", name);
    const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
    return typeof value === "string" ? value : null;
  } catch (error) {
    // Refused by the server, as hosted ones do. Anything else is no answer at all.
    if (error instanceof Error && error.name === "ReplyError") return null;
    throw error;
  }
}

function infoOf(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\r\n").flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(lines);
}
