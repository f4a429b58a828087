import { redisUrlProblem } from "#adapters/redis/url.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { PolicyRevisions } from "#core/ports/policy-revisions.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import { RedisConnection } from "./connection.ts";
import { defaultNamespace, keyNames } from "./names.ts";
import { redisPolicyRevisions } from "./policy-revisions.ts";
import { redisProbes } from "./probes.ts";
import { RedisLedger } from "./redis-ledger.ts";
import type { Durability } from "./server-check.ts";
import { openStore } from "./store.ts";

/** Settings of {@link openRedisLedger}. */
export interface RedisLedgerOptions {
  /** `redis://[user:password@]host:port[/db]`, `rediss://` with TLS, or the absolute path of a socket; no query. */
  readonly url: string;
  readonly clock: Clock;
  /**
   * `strict` (the default) refuses a server that could lose what it acknowledged. `relaxed` takes any primary, and a store that went back
   * in time.
   */
  readonly durability?: Durability;
  /** First part of every key, in braces; deployments with different ones may share a server. Default `reticent`. */
  readonly namespace?: string;
  /** How long a command or a connection may take, ms; default 2,000. */
  readonly timeoutMs?: number;
  /** The `storeId` of an earlier start, kept outside of this Redis: an emptied or exchanged one is then refused. */
  readonly expectedStoreId?: string;
  /** Told of connection troubles. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Takes a URL, or the absolute path of a socket. ioredis takes anything else for the path of a socket, which it names in its errors, password
 * and all; and what follows a "?" for settings that count more than the ledger's own.
 * @throws RangeError that does not repeat the URL
 */
export function assertUrl(url: string): void {
  if (url.startsWith("/") && !url.startsWith("//") && !url.includes("?")) return;
  const problem = redisUrlProblem(url);
  if (problem !== undefined) throw new RangeError(problem);
}

const namespacePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The ledger on a Redis primary, for any number of processes.
 * @throws UnusableRedis (one line per reason) when the server must not hold a ledger; AppError `ledger-unavailable` when it does not answer;
 *   Error when its store is not the expected one, or was written by another version
 */
export async function openRedisLedger(
  options: RedisLedgerOptions,
): Promise<{ readonly ledger: RedisLedger; readonly probes: ProbeStore; readonly revisions: PolicyRevisions }> {
  const { url, clock, durability = "strict", namespace = defaultNamespace, timeoutMs = 2_000 } = options;
  if (!namespacePattern.test(namespace))
    throw new RangeError("a namespace is one word of letters, digits, '.', '_', '-'");
  assertUrl(url);
  const connection = new RedisConnection({ url, durability, timeoutMs, onError: options.onError ?? (() => {}) });
  await connection.open();
  try {
    const store = await openStore({
      connection,
      names: keyNames(namespace),
      expectedId: options.expectedStoreId,
      refuseOlder: durability === "strict",
    });
    return {
      ledger: new RedisLedger({ connection, store, clock }),
      probes: redisProbes(connection, store),
      revisions: redisPolicyRevisions(store, clock),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}
