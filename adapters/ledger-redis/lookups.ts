import { isVisible, type VisibilityFilter } from "#core/access/visible.ts";
import { assertTime } from "#core/deadline.ts";
import { compareKeys, type DocumentKey, type DocumentRecord, keyString } from "#core/document.ts";
import { inTurns } from "#core/ingest/turns.ts";
import type { ListQuery } from "#core/ports/ledger.ts";
import type { Sliced } from "#core/text/slices.ts";
import { KnownClasses } from "./access-classes.ts";
import { attempts } from "./attempts.ts";
import { isLagging } from "./entries.ts";
import type { ReadEnvelope } from "./envelope.ts";
import { isNameable, keyOfName, lexRange, nameOf } from "./names.ts";
import { command, strings, type Words } from "./script.ts";
import { isKnown, type Store } from "./store.ts";

/** Documents, and names of documents, per command. */
const batch = 500;

/** Everything that the ledger reads without writing. */
export class Lookups {
  readonly #store: Store;
  readonly #envelopeOf: (name: string, value: string | null) => ReadEnvelope;
  readonly #classes = new KnownClasses();

  constructor(store: Store, envelopeOf: (name: string, value: string | null) => ReadEnvelope) {
    this.#store = store;
    this.#envelopeOf = envelopeOf;
  }

  /** See `Ledger.read`: one round trip for a re-check, also of nothing, so that an outage never passes for "no hits". */
  async read(keys: readonly DocumentKey[], signal?: AbortSignal): Promise<readonly (DocumentRecord | undefined)[]> {
    const names = keys.filter(isNameable).map(nameOf);
    const records = new Map<string, DocumentRecord>();
    for (let at = 0; at === 0 || at < names.length; at += batch) {
      assertTime(signal);
      for (const [name, record] of await this.#records(names.slice(at, at + batch))) records.set(name, record);
    }
    return keys.map((key) => (isNameable(key) ? records.get(nameOf(key)) : undefined));
  }

  /** See `Ledger.list`. */
  async list(query: ListQuery, signal?: AbortSignal): Promise<readonly DocumentRecord[]> {
    const { tenant, source, state, fingerprint, after, limit } = query;
    const range = lexRange(tenant, source, after);
    const isMeant = {
      stored: () => true,
      failed: (record: DocumentRecord) => record.failure !== undefined,
      lagging: (record: DocumentRecord) => isLagging(record, fingerprint),
    }[state];
    const found: DocumentRecord[] = [];
    // Names first, then records: one that changed in between is judged by its record, and others take its place.
    for (let { min } = range; ; ) {
      const wanted = Math.min(batch, limit - found.length);
      const slice = ["LIMIT", 0, wanted] as const;
      assertTime(signal);
      const names = strings(
        await this.#inSet(state, fingerprint, (set) => ["ZRANGEBYLEX", set, min, range.max, ...slice]),
      );
      assertTime(signal);
      const records = await this.#records(names);
      found.push(...names.flatMap((name) => records.get(name) ?? []).filter(isMeant));
      const last = names.at(-1);
      if (names.length < wanted || last === undefined || found.length >= limit) return found;
      min = `(${last}`;
    }
  }

  /** See `Ledger.lagging`. */
  async lagging(fingerprint: string, limit: number, copies: boolean): Promise<readonly DocumentKey[]> {
    if (limit < 1) return [];
    const { due, lagging, copyLagging } = this.#store.names;
    const first = [0, limit - 1, "WITHSCORES"] as const;
    const content = await this.#whileKnown(fingerprint, (known) => [
      "ZRANGE",
      known ? lagging(fingerprint) : due,
      ...first,
    ]);
    const asked = copies ? [command(["ZRANGE", copyLagging(fingerprint), ...first])] : [];
    const [access = []] = await this.#store.query(asked);
    // A document may be behind in both.
    const scores = new Map([...scored(content), ...scored(access)]);
    const sorted = [...scores].toSorted(([a, left], [b, right]) => left - right || (a < b ? -1 : 1));
    return sorted.slice(0, limit).map(([name]) => keyOfName(name));
  }

  /** See `Ledger.countLagging`. */
  async countLagging(fingerprint: string, tenant: string): Promise<number> {
    const { min, max } = lexRange(tenant, undefined, undefined);
    return Number(await this.#inSet("lagging", fingerprint, (set) => ["ZLEXCOUNT", set, min, max]));
  }

  /** Documents that are announced or live under any of the fingerprints, at most `limit`. */
  async indexedUnder(fingerprints: readonly string[], limit: number): Promise<readonly DocumentKey[]> {
    const names = new Set<string>();
    for (const fingerprint of limit < 1 ? [] : fingerprints) {
      const set = this.#store.names.indexed(fingerprint);
      const [reply] = await this.#store.query([command(["ZRANGE", set, 0, limit - 1])]);
      for (const name of strings(reply)) if (names.size < limit) names.add(name);
    }
    return [...names].map(keyOfName);
  }

  /** Whether a generation was handed out to be erased. */
  async isCollecting(member: string): Promise<boolean> {
    const [reply] = await this.#store.query([command(["SISMEMBER", this.#store.names.collecting, member])]);
    return reply === 1;
  }

  /** See `Ledger.disabledAmong`. */
  async disabledAmong(tenant: string, principals: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    assertTime(signal);
    const asked =
      principals.length === 0 ? [] : [command(["HMGET", this.#store.names.disabled(tenant), ...principals])];
    const [since = []] = await this.#store.query(asked);
    if (!Array.isArray(since)) throw new TypeError("Redis answered with something else than a list");
    return principals.filter((_, at) => since[at] !== null);
  }

  /** See `Ledger.replacements`. What lies in a hidden access class is neither named nor read. */
  async replacements(
    keys: readonly DocumentKey[],
    fingerprint: string,
    visibility: VisibilityFilter,
    signal?: AbortSignal,
  ): Promise<readonly DocumentRecord[]> {
    assertTime(signal);
    if (visibility.kind === "nothing") return [];
    const { names } = this.#store;
    const asked = keys.filter((key) => key.tenant === visibility.tenant && isNameable(key));
    const replaced = [...new Set(asked.map(nameOf))];
    const lists = await this.#queryAll(
      replaced.map((name) => ["HKEYS", names.replaced(fingerprint, name)]),
      strings,
    );
    assertTime(signal);
    await this.#learn(replaced.map((name, at) => [names.replaced(fingerprint, name), lists[at] ?? []]));
    const open = replaced.flatMap((name, at) =>
      (lists[at] ?? [])
        .filter((id) => this.#classes.isOpen(id, visibility))
        .map((id) => names.replacing(fingerprint, name, id)),
    );
    const found = new Set<string>();
    for (const set of open) {
      assertTime(signal);
      for await (const name of this.#membersOf(set)) found.add(name);
    }
    if (found.size === 0) return [];
    const records = await this.read([...found].map(keyOfName), signal);
    const wanted = new Set(asked.map(keyString));
    // A record may have changed since its class was asked.
    return records
      .filter((record) => record !== undefined)
      .filter((record) => {
        const { tenant, source } = record.key;
        const live = record.live[fingerprint];
        const replaces = live?.quality.supersedes.some((one) => wanted.has(keyString({ ...one, tenant })));
        return replaces === true && isVisible({ tenant, source, access: record.access }, visibility);
      })
      .toSorted((a, b) => compareKeys(a.key, b.key));
  }

  async #records(names: readonly string[]): Promise<ReadonlyMap<string, DocumentRecord>> {
    const { values } = await this.#store.get(names.map((name) => this.#store.names.document(name)));
    return inTurns(this.#read(names, values));
  }

  /** Step by step: a record may hold a thousand names, and somebody else's request waits. */
  *#read(names: readonly string[], values: readonly (string | null)[]): Sliced<ReadonlyMap<string, DocumentRecord>> {
    const records = new Map<string, DocumentRecord>();
    for (const [at, name] of names.entries()) {
      const { envelope } = this.#envelopeOf(name, values[at] ?? null);
      if (envelope !== undefined) records.set(name, envelope.record);
      yield;
    }
    return records;
  }

  /** Asks the set of names of a state. */
  #inSet(state: ListQuery["state"], fingerprint: string, words: (set: string) => Words): Promise<unknown> {
    const { stored, failed, dueNames, laggingNames } = this.#store.names;
    return this.#whileKnown(fingerprint, (known) => {
      if (state === "lagging") return words(known ? laggingNames(fingerprint) : dueNames);
      return words(state === "stored" ? stored : failed);
    });
  }

  /** Asks by whether a fingerprint is known, at an instant when that is so. */
  #whileKnown(fingerprint: string, words: (known: boolean) => Words): Promise<unknown> {
    return attempts(async () => {
      const { registry, word } = await this.#store.registry();
      const asked = command(words(isKnown(registry, fingerprint)));
      const replies = await this.#store.run([[this.#store.names.registry, word]], [asked], { isWrite: false });
      return replies && { result: replies[0] };
    });
  }

  async #queryAll<T>(commands: readonly Words[], parse: (reply: unknown) => T): Promise<T[]> {
    const replies: T[] = [];
    for (let at = 0; at < commands.length; at += batch) {
      const some = commands.slice(at, at + batch).map((words) => command(words));
      replies.push(...(await this.#store.query(some)).map(parse));
    }
    return replies;
  }

  /** Fetches the classes that this process has not met yet. */
  async #learn(places: readonly (readonly [key: string, ids: readonly string[]])[]): Promise<void> {
    const unknown = places.flatMap(([key, ids]) => {
      const missing = ids.filter((id) => !this.#classes.has(id));
      return missing.map((id) => [key, id] as const);
    });
    const texts = await this.#queryAll(
      unknown.map(([key, id]) => ["HGET", key, id]),
      (reply) => (typeof reply === "string" ? reply : undefined),
    );
    for (const [at, [, id]] of unknown.entries()) {
      const text = texts[at];
      if (text !== undefined) this.#classes.learn(id, text);
    }
  }

  async *#membersOf(set: string): AsyncGenerator<string> {
    for (let min = "-"; ; ) {
      const [reply] = await this.#store.query([command(["ZRANGEBYLEX", set, min, "+", "LIMIT", 0, batch])]);
      const names = strings(reply);
      yield* names;
      const last = names.at(-1);
      if (names.length < batch || last === undefined) return;
      min = `(${last}`;
    }
  }
}

/** Members with their scores, as `WITHSCORES` gives them. */
function scored(reply: unknown): [name: string, score: number][] {
  const words = strings(reply);
  return Array.from({ length: words.length / 2 }, (_, at) => [words[2 * at] ?? "", Number(words[2 * at + 1])]);
}
