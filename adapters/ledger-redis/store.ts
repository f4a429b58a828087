import { randomUUID } from "node:crypto";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import { attempts } from "./attempts.ts";
import type { RedisConnection } from "./connection.ts";
import { splitValue } from "./envelope.ts";
import type { KeyNames } from "./names.ts";
import { type Command, command } from "./script.ts";

/** Changes with every change of what the keys hold. */
export const storeFormat = 1;

/** What the whole deployment agrees on, in one key that every write compares. */
export interface Registry {
  readonly format: number;
  /** Made with the store: an emptied or exchanged one has another. */
  readonly id: string;
  readonly active: string | null;
  /** Fingerprints that any document was ever announced under and that were not retired: what lags is kept for each. */
  readonly fingerprints: readonly string[];
  /**
   * Those of them whose account is not complete yet, each with an id of this very beginning. No document is announced or live under
   * them.
   */
  readonly learning: Readonly<Record<string, string>>;
}

const registrySchema: z.ZodType<Registry> = z.strictObject({
  format: z.int(),
  id: z.string(),
  active: z.string().nullable(),
  fingerprints: z.array(z.string()),
  learning: z.record(z.string(), z.string()),
});

/** Whether what lags under a fingerprint stands in its sets. Under any other, everything that is due lags. */
export function isKnown({ fingerprints, learning }: Registry, fingerprint: string): boolean {
  return fingerprints.includes(fingerprint) && learning[fingerprint] === undefined;
}

/** A {@link Registry} as it was read. */
export interface ReadRegistry {
  readonly word: string;
  readonly registry: Registry;
}

/** The registry's key, read. @throws Error for a value that this program did not write */
export function readRegistry(value: string): ReadRegistry {
  const [word, json] = splitValue(value);
  return { word, registry: registrySchema.parse(JSON.parse(json)) };
}

/**
 * A key and the first word of the value that was read from it; empty: it did not exist. With "!" before it, what must not be a member of
 * the set.
 */
export type Watched = readonly [key: string, word: string];

/** Settings of {@link openStore}. */
export interface StoreOptions {
  readonly connection: RedisConnection;
  readonly names: KeyNames;
  /** The identity that this deployment's store is known to have, noted elsewhere at an earlier start. */
  readonly expectedId?: string | undefined;
  /** False: a store that is older than what this process has seen of it is not refused. */
  readonly refuseOlder: boolean;
}

/**
 * Opens the store, or makes it when there is none and none is expected.
 * @throws Error when the store is another one, was emptied, or was written by another version
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { names, connection, expectedId } = options;
  const store = new Store(options);
  const found = await connection.send((redis) => redis.get(names.registry));
  if (found === null) {
    if (expectedId !== undefined)
      throw new Error(`Redis holds no ledger, and ${expectedId} is expected: it was emptied`);
    const made: Registry = { format: storeFormat, id: randomUUID(), active: null, fingerprints: [], learning: {} };
    // Another process may make it at the same time: then that one counts.
    const value = registryValue({ word: `${made.id}:0`, registry: made }, made);
    const absent = [names.registry, names.writes, names.stored].map((key): Watched => [key, ""]);
    await store.run(absent, [command(["SET", names.registry, value])]);
  }
  const { registry } = await store.registry();
  if (registry.format !== storeFormat) {
    throw new Error(`Redis holds version ${registry.format} of the ledger, this program reads version ${storeFormat}`);
  }
  if (expectedId !== undefined && registry.id !== expectedId) {
    throw new Error(`Redis holds the ledger ${registry.id}, and ${expectedId} is expected`);
  }
  return store;
}

/** The value that follows a registry that was read. */
export function registryValue(before: ReadRegistry, after: Registry): string {
  const [id, revision] = before.word.split(":");
  return `${id}:${Number(revision) + 1} ${JSON.stringify(after)}`;
}

/**
 * Reads and writes of one store. What Redis answers is believed only while it is the same store and no older than this process has seen it
 * before: an emptied server would say of a revoked or disabled one that nothing is known.
 */
export class Store {
  readonly names: KeyNames;
  readonly #connection: RedisConnection;
  readonly #refuseOlder: boolean;
  #id: string | undefined;
  /** The highest count of writes that was acknowledged to this process. */
  #seen = 0;

  constructor({ connection, names, refuseOlder }: StoreOptions) {
    this.#connection = connection;
    this.names = names;
    this.#refuseOlder = refuseOlder;
  }

  /** Made with the store. */
  get id(): string {
    return this.#id ?? "";
  }

  async registry(): Promise<ReadRegistry> {
    return (await this.get([])).registry;
  }

  /** Values of string keys in one round trip, `null` for what does not exist, with the registry of the same instant. */
  async get(keys: readonly string[]): Promise<{ readonly registry: ReadRegistry; readonly values: (string | null)[] }> {
    const floor = this.#floor;
    const { registry: registryKey, writes } = this.names;
    return this.#connection.send(async (redis) => {
      const [found = null, count = null, ...values] = await redis.mget(registryKey, writes, ...keys);
      return { registry: this.#check(found, Number(count ?? 0), floor), values };
    });
  }

  /** The bytes of one string key. */
  async getBytes(key: string): Promise<Buffer | null> {
    const floor = this.#floor;
    const { registry, writes } = this.names;
    return this.#connection.send(async (redis) => {
      const [found, count, bytes] = await redis.mgetBuffer(registry, writes, key);
      this.#check(found?.toString() ?? null, Number(count?.toString() ?? 0), floor);
      return bytes ?? null;
    });
  }

  /**
   * Runs commands in one atomic step if every watched key still begins with the word that was read.
   * @param watched at best with the registry's own word: only then the commands run on this very store for certain
   * @returns the replies, or `undefined` when something moved and nothing was done
   */
  async run(
    watched: readonly Watched[],
    commands: readonly Command[],
    { isWrite = true } = {},
  ): Promise<unknown[] | undefined> {
    const floor = this.#floor;
    const keys = new Set(commands.flatMap((one) => one.keys));
    const all = [this.names.writes, ...watched.map(([key]) => key), ...keys];
    const words = commands.flatMap((one) => [one.words.length, ...one.words]);
    const reply = await this.#connection.send((redis) =>
      redis.reticentRun(
        all.length,
        ...all,
        floor,
        isWrite ? 1 : 0,
        watched.length,
        ...watched.map(([, word]) => word),
        ...words,
      ),
    );
    if (!Array.isArray(reply)) throw unavailable("a script answered with something else");
    const [count, ...replies]: unknown[] = reply;
    this.#count(Number(count), floor);
    return replies.length === commands.length && commands.length > 0 ? replies : undefined;
  }

  /** Runs commands that depend on no document, on this very store, and gives their replies. */
  async write(commands: readonly Command[]): Promise<unknown[]> {
    return attempts(async () => {
      const { word } = await this.registry();
      const result = await this.run([[this.names.registry, word]], commands);
      return result && { result };
    });
  }

  /** Reads by commands that change nothing, on this very store. */
  async query(commands: readonly Command[]): Promise<unknown[]> {
    const { registry } = this.names;
    const [found, ...replies] =
      (await this.run([], [command(["GET", registry]), ...commands], { isWrite: false })) ?? [];
    this.#identify(typeof found === "string" ? found : null);
    return replies;
  }

  #check(found: string | null, count: number, floor: number): ReadRegistry {
    const registry = this.#identify(found);
    this.#count(count, floor);
    return registry;
  }

  #identify(found: string | null): ReadRegistry {
    if (found === null) throw unavailable("the store is gone: Redis was emptied");
    const { word, registry } = readRegistry(found);
    this.#id ??= registry.id;
    if (registry.id !== this.#id) throw unavailable("the store is another one than before");
    return { word, registry };
  }

  /** @param floor what was acknowledged when the question was sent; answers to later questions may have come before this one's */
  #count(count: number, floor: number): void {
    if (!(count >= floor)) {
      throw unavailable(`the store went back in time: it counts ${count} writes, and ${floor} were acknowledged`);
    }
    this.#seen = Math.max(this.#seen, count);
  }

  get #floor(): number {
    return this.#refuseOlder ? this.#seen : 0;
  }
}

function unavailable(cause: string): AppError {
  return new AppError("ledger-unavailable", { retryAfterS: 10 }, { cause: new Error(cause) });
}
