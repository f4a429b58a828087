import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type Chaos, oneOf } from "../context.ts";
import { Counts } from "../figures.ts";
import type { Service } from "../stack/service.ts";
import type { OwnRedis } from "../stack/stack.ts";

/** What may be done to the deployment. `kill-…` and `cut-…` count as kills; the others come on top. */
const harms = {
  "kill-worker": 38,
  "kill-indexer": 10,
  "kill-query": 12,
  "kill-qdrant": 8,
  "kill-ledger-redis": 6,
  "kill-queue-redis": 4,
  "cut-all-ledger-connections": 7,
  "cut-one-ledger-connection": 8,
  "cut-queue-connections": 7,
  "flush-queue": 5,
  "stall-worker": 4,
} as const satisfies Readonly<Record<string, number>>;

/** One of the kinds of harm. */
export type Harm = keyof typeof harms;

const isKill = (harm: Harm): boolean => harm.startsWith("kill-") || harm.startsWith("cut-");

/** The harms of a run in their order: every kind as often as its weight says, the kills together as many as asked for. */
export function harmsOf(random: () => number, kills: number, without: readonly Harm[] = []): readonly Harm[] {
  const kinds = (Object.keys(harms) as Harm[]).filter((harm) => !without.includes(harm));
  const weight = kinds.filter(isKill).reduce((sum, harm) => sum + harms[harm], 0);
  const list: Harm[] = [];
  if (kills === 0) return list;
  for (const harm of kinds) {
    const count = Math.max(1, Math.round((harms[harm] / weight) * kills));
    for (let at = 0; at < count; at += 1) list.push(harm);
  }
  for (let rest = kills - list.filter(isKill).length; rest > 0; rest -= 1) list.push("kill-worker");
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [list[at], list[other]] = [list[other] ?? "kill-worker", list[at] ?? "kill-worker"];
  }
  return list;
}

/** Harms the deployment, each time that the run has come so much further. */
export class Killer {
  readonly #chaos: Chaos;
  readonly #random: () => number;
  readonly #list: readonly Harm[];
  readonly done = new Counts();
  readonly #running = new Set<Promise<void>>();
  #next = 0;
  #lastAt = 0;

  constructor(chaos: Chaos, list: readonly Harm[]) {
    this.#chaos = chaos;
    this.#random = chaos.random(300);
    this.#list = list;
  }

  /** Kills so far. */
  get kills(): number {
    return Object.entries(this.done.toObject()).reduce(
      (sum, [harm, count]) => (harm.startsWith("kill-") || harm.startsWith("cut-") ? sum + count : sum),
      0,
    );
  }

  /** @param share 0 … 1, how far the run has come */
  cameTo(share: number): void {
    const due = Math.floor(share * (this.#list.length + 1));
    // One thing after the other, but not waiting for what was harmed before.
    if (this.#next < due && performance.now() - this.#lastAt > 300) this.#begin();
  }

  /** What is left of the list, and waits until everything is back. */
  async finish(): Promise<void> {
    while (this.#next < this.#list.length) {
      this.#begin();
      await sleep(1_000 + 2_000 * this.#random());
    }
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #begin(): void {
    const harm = this.#list[this.#next];
    this.#next += 1;
    this.#lastAt = performance.now();
    if (harm === undefined) return;
    const run = this.#harm(harm)
      .catch((error: unknown) => {
        // A connection that is to be cut may be away already.
        if (!harm.startsWith("cut-") && harm !== "flush-queue") throw error;
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
    this.done.add(harm);
  }

  async #harm(harm: Harm): Promise<void> {
    const { stack, recoveries } = this.#chaos;
    const random = this.#random;
    switch (harm) {
      case "kill-worker":
        return this.#kill(harm, oneOf(random, stack.workers), []);
      case "kill-indexer": {
        const indexer = oneOf(random, stack.indexers);
        return this.#kill(harm, indexer, [`write:${indexer.name}`]);
      }
      case "kill-query": {
        const query = oneOf(random, stack.queries);
        return this.#kill(harm, query, [`read:${query.name}`]);
      }
      case "kill-qdrant":
        recoveries.killed(harm, ["read"]);
        return this.#restart(stack.qdrant, harm);
      case "kill-ledger-redis":
        recoveries.killed(harm, ["read", "write"]);
        return this.#restart(stack.ledger.server, harm);
      case "kill-queue-redis":
        return this.#restart(stack.queue.server, harm);
      case "cut-all-ledger-connections":
        recoveries.killed(harm, [...stack.queries.map(({ name }) => `read:${name}`), "write"]);
        return cut(stack.ledger);
      case "cut-one-ledger-connection":
        recoveries.killed(harm, ["read", "write"]);
        return cut(stack.ledger, random);
      case "cut-queue-connections":
        return cut(stack.queue);
      case "flush-queue":
        return stack.queue.run(async (redis) => void (await redis.flushdb()));
      case "stall-worker":
        // Longer than its lock on a job and the look for jobs whose worker is gone: others do its work meanwhile.
        return oneOf(random, stack.workers).stall(21_000);
    }
  }

  async #kill(harm: Harm, service: Service, signs: readonly string[]): Promise<void> {
    const { recoveries } = this.#chaos;
    recoveries.killed(harm, signs.length > 0 ? signs : [`up:${service.name}`]);
    service.kill();
    await service.up();
    recoveries.worked(`up:${service.name}`, performance.now());
  }

  readonly #restarting = new Set<string>();
  async #restart(server: { kill(): Promise<void>; restart(): Promise<void> }, harm: Harm): Promise<void> {
    // Killed again while it is away, it would be started twice.
    while (this.#restarting.has(harm)) await sleep(50);
    this.#restarting.add(harm);
    await server.kill();
    await sleep(1_500 * this.#random());
    await server.restart();
    this.#restarting.delete(harm);
  }
}

/** Ends all connections of a server, or one of them. */
async function cut(redis: OwnRedis, random?: () => number): Promise<void> {
  await redis.run(async (connection: Redis) => {
    if (random === undefined) {
      await connection.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      return;
    }
    const list = String(await connection.call("CLIENT", "LIST", "TYPE", "normal"));
    const own = String(await connection.call("CLIENT", "ID"));
    const ids = [...list.matchAll(/^id=(\d+)/gm)].flatMap(([, id = ""]) => (id === own ? [] : [id]));
    if (ids.length > 0) await connection.call("CLIENT", "KILL", "ID", oneOf(random, ids));
  });
}
