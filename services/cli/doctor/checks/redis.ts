import type { Redis } from "ioredis";
import { assertUrl } from "#adapters/ledger-redis/ledger.ts";
import { lookAtUser, lookIntoStore } from "#adapters/ledger-redis/look.ts";
import { neededSettings, settingProblem } from "#adapters/ledger-redis/server-check.ts";
import { lookingConnection } from "#adapters/redis/connections.ts";
import { type RedisFacts, redisFacts } from "#adapters/redis/facts.ts";
import type { RedisConfig } from "#services/adapter-settings.ts";
import { answerMs, type Context, emptyLedger, isLoopback, type LedgerFacts, many } from "../context.ts";
import { type Found, failed, type Handle, ok, skipped, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";
import { placeOf } from "../redact.ts";
import { size } from "./embedded.ts";

/** A server that answers. */
export interface OpenRedis {
  readonly redis: Redis;
  readonly facts: RedisFacts;
}

/**
 * One line: whether a Redis answers, and which one it is.
 * @param variable the setting to look at when it does not
 */
export function checkRedis(context: Context, name: string, url: string, variable: string): Handle<OpenRedis> {
  const { examination, atEnd, clock } = context;
  const place = placeOf(url);
  const advice = `start the server, or correct ${variable}`;
  return examination.check<OpenRedis>({
    name,
    advice,
    look: async () => {
      let trouble: unknown;
      try {
        assertUrl(url);
      } catch (error) {
        // Of our own words, and without the URL.
        return failed(`${variable}: ${error instanceof Error ? error.message : "not usable"}`, `correct ${variable}`);
      }
      const redis = lookingConnection(url, answerMs(context), (error) => {
        trouble ??= error;
      });
      atEnd(() => redis.disconnect());
      try {
        await redis.connect();
        // A refused login does not keep the connection from being one.
        if (trouble !== undefined) throw trouble;
        const facts = await redisFacts(
          redis,
          neededSettings.map(([setting]) => setting),
          clock,
        );
        return ok(`${place}: ${facts.product}, answers in ${facts.roundTripMs.toFixed(2)} ms`, { redis, facts });
      } catch (error) {
        return failed(`${place}: ${reasonOf(trouble ?? error)}`, advice);
      }
    },
  });
}

/** Share of `maxmemory` from which a ledger is near its end, and almost there. */
const [tight, full] = [0.8, 0.95];
/** From which difference clocks are told, and are a mistake, ms. */
const [clockTold, clockWrong] = [1_000, 60_000];

/** All lines about the Redis of the ledger but for its documents. @returns what lies in it */
export function checkRedisLedger(context: Context, { url, durability, namespace }: RedisConfig): Handle<LedgerFacts> {
  const { examination } = context;
  const server = checkRedis(context, "ledger-server", url, "RETICENT_REDIS_URL");
  const line = (name: string, advice: string, look: (open: OpenRedis) => Promise<Found> | Found): void => {
    examination.check({ name, needs: [server], advice, look });
  };
  const judged = (problems: readonly string[], good: string, advice: string): Found => {
    if (problems.length === 0) return ok(good);
    return durability === "relaxed"
      ? warning(`${problems.join("; ")} (accepted: RETICENT_LEDGER_DURABILITY=relaxed)`, advice)
      : failed(problems.join("; "), `${advice}; RETICENT_LEDGER_DURABILITY=relaxed runs on it all the same`);
  };
  line("ledger-role", "point RETICENT_REDIS_URL to the primary", ({ facts: { role, isCluster } }) => {
    if (role !== "master") return failed(`role is ${role ?? "not told"}`, "point RETICENT_REDIS_URL to the primary");
    if (isCluster) return failed("cluster mode is on", "all keys of a ledger are in one slot: use a single primary");
    return ok("a primary, and no cluster");
  });
  line("ledger-persistence", "", ({ facts: { settings, appendOnlyFile } }) => {
    const names = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite"] as const;
    const problems = names.flatMap((name) => settingProblem(name, settings.get(name) ?? null) ?? []);
    if (appendOnlyFile?.isOn === true && appendOnlyFile.lastWrite !== "ok") {
      return failed("the last write to the append-only file failed", "look at the server's disk and its log");
    }
    if (problems.length === 0 && appendOnlyFile !== null && appendOnlyFile.lastRewrite !== "ok") {
      return warning("the last rewrite of the append-only file failed", "look at the server's disk and its log");
    }
    return judged(
      problems,
      "every commit is on disk before it is acknowledged",
      "set it in redis.conf and with CONFIG SET",
    );
  });
  line("ledger-eviction", "", ({ facts: { settings } }) => {
    const problem = settingProblem("maxmemory-policy", settings.get("maxmemory-policy") ?? null);
    return judged(problem === undefined ? [] : [problem], "noeviction", "set it in redis.conf and with CONFIG SET");
  });
  line("ledger-memory", "", ({ facts: { memory } }) => {
    if (memory === null) return skipped("the server does not say");
    const { used, max } = memory;
    if (max === 0) return ok(`${size(used)} used, without a bound of its own`);
    const told = `${size(used)} of ${size(max)} used`;
    const advice = "raise maxmemory: a full server accepts no document and no revoke";
    if (used >= full * max) return failed(told, advice);
    return used >= tight * max ? warning(told, advice) : ok(told);
  });
  line("ledger-clock", "", ({ facts: { clockAheadMs } }) => {
    if (clockAheadMs === null) return skipped("the server does not let this user ask for its time");
    const told = `the server's clock is ${Math.abs(clockAheadMs).toFixed(0)} ms ${clockAheadMs < 0 ? "behind" : "ahead of"} this machine's`;
    const advice = "keep all machines in step (NTP): tokens, ages and expiries are judged by each one's own clock";
    if (Math.abs(clockAheadMs) >= clockWrong) return failed(told, advice);
    return Math.abs(clockAheadMs) >= clockTold ? warning(told, advice) : ok(told);
  });
  line("ledger-user", "look at the user's rights (docs/decisions/0019)", async ({ redis }) => {
    const { name, lacks } = await lookAtUser(redis, namespace);
    if (name === null) return ok("a user of its own, whose name the server does not tell");
    if (lacks !== null && lacks.length > 0) {
      return failed(`${name} may not ${lacks.join(", ")}`, "give the user the rights of docs/decisions/0019");
    }
    const { hostname, password } = new URL(url);
    if (password === "" && !isLoopback(hostname)) {
      return warning(
        `${name}, without a password: whoever reaches the port reads and writes everything`,
        "set a password",
      );
    }
    return ok(
      lacks === null ? `${name}; the server does not tell its rights` : `${name}, with all rights that are needed`,
    );
  });
  return examination.check<LedgerFacts, [Handle<OpenRedis>]>({
    name: "ledger-store",
    needs: [server],
    advice: "this database holds something else: look at the number behind RETICENT_REDIS_URL",
    look: async ({ redis }) => {
      const look = await lookIntoStore(redis, namespace);
      if (look === undefined) {
        const advice =
          "if documents were kept before, this is another server or an emptied one: stop, and look at backups";
        const nobody = { agreed: null, isSuperseded: async () => false };
        return warning("there is none; the first start makes it", advice, {
          ...emptyLedger,
          isNameless: true,
          policy: nobody,
        });
      }
      if (look.otherVersion !== undefined)
        return failed(look.otherVersion, "start the version of the program that wrote it");
      const { policy: agreed, isSuperseded, ...facts } = look;
      return ok(`${look.id}, ${many(look.writes, "write")} so far`, { ...facts, policy: { agreed, isSuperseded } });
    },
  });
}
