import type { Redis } from "ioredis";
import { NoSuchDatabase } from "#adapters/redis/database.ts";
import { infoOf, settingOf } from "#adapters/redis/facts.ts";

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

/** A setting of a server, the value that a ledger needs, and what another one does. */
export const neededSettings = [
  ["maxmemory-policy", "noeviction", "another policy deletes documents, tombstones and revokes when memory is full"],
  ["appendonly", "yes", "without it a restart loses what was acknowledged since the last snapshot"],
  ["appendfsync", "always", "otherwise a crash of the machine loses what was acknowledged in the last seconds"],
  ["no-appendfsync-on-rewrite", "no", "otherwise nothing is synced while the append-only file is rewritten"],
] as const;

/** Whether a relaxed durability would take a server that was refused. */
export function isRelaxedEnough({ refusals }: ServerFindings): boolean {
  return refusals.every((line) => neededSettings.some(([name]) => line.startsWith(`Redis: ${name} `)));
}

/**
 * Asks a server for what {@link ServerFindings} holds. It refuses nothing itself.
 * @param database the number of the one that the connection is to be on. It is selected here: the library goes on in database 0 when a server does
 *   not have it
 * @throws what ioredis throws when the server does not answer
 */
export async function inspectServer(redis: Redis, durability: Durability, database = 0): Promise<ServerFindings> {
  const noDatabase = await databaseProblem(redis, database);
  const info = infoOf(await redis.info());
  const settings = new Map<string, string | null>();
  for (const [name] of neededSettings) settings.set(name, await settingOf(redis, name));
  const refusals: string[] = [];
  const warnings: string[] = [];
  if (noDatabase !== undefined) refusals.push(noDatabase);
  const role = info.get("role") ?? null;
  const clustered = info.get("cluster_enabled") === "1";
  // A replica answers reads with what was revoked elsewhere.
  if (role !== "master")
    refusals.push(`Redis: role is "${role ?? "unknown"}"; the ledger reads and writes the primary only`);
  if (clustered) refusals.push("Redis: cluster mode is on; all keys of a ledger are in one slot, use a single primary");
  for (const [name] of neededSettings) {
    const problem = settingProblem(name, settings.get(name) ?? null);
    if (problem === undefined) continue;
    const line = `Redis: ${problem}`;
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

/** Selects a database. A connection is on database 0 without that, whose user may have no right to select. @returns the refusal */
async function databaseProblem(redis: Redis, database: number): Promise<string | undefined> {
  if (database === 0) return undefined;
  try {
    await redis.select(database);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ReplyError") throw error;
    return new NoSuchDatabase(database, error).message;
  }
}

/**
 * What is wrong with a setting of {@link neededSettings}, in one line; `undefined` when it is as a ledger needs it.
 * @param found `null`: the server does not say
 */
export function settingProblem(name: (typeof neededSettings)[number][0], found: string | null): string | undefined {
  const [, wanted, why] = neededSettings.find(([one]) => one === name) ?? [];
  if (found === wanted) return undefined;
  return `${name} must be "${wanted}" and is ${found === null ? "not told" : `"${found}"`}; ${why}`;
}
