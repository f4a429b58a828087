import { randomUUID } from "node:crypto";
import { limitExceeded } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { attempts } from "./attempts.ts";
import { command } from "./script.ts";
import { isKnown, type ReadRegistry, type Registry, registryValue, type Store } from "./store.ts";

/** The fingerprints that the store keeps account of, one of which is active. Every write of a document compares them. */
export class Fingerprints {
  readonly #store: Store;
  readonly #pageSize: number;

  /** @param size names that one step copies: a few ms in which Redis does nothing else */
  constructor(store: Store, size = 1_000) {
    this.#store = store;
    this.#pageSize = size;
  }

  /** See `Ledger.activate`. */
  async activate(from: string | undefined, to: string): Promise<boolean> {
    return attempts(async () => {
      const read = await this.#store.registry();
      const { active } = read.registry;
      if (active !== (from ?? null)) return { result: false };
      if (active === to) return { result: true };
      return (await this.#save(read, { ...read.registry, active: to })) ? { result: true } : undefined;
    });
  }

  /**
   * Begins to keep account of a fingerprint, and returns when the account is complete. No document is live under one that is not known, so
   * everything that is due lags: it is copied page by page, so that nobody waits, while every write keeps account already.
   * @throws AppError `limit-exceeded`
   */
  async learn(fingerprint: string): Promise<void> {
    for (let begun = "", min = "-"; ; ) {
      const read = await this.#store.registry();
      const { learning } = read.registry;
      if (isKnown(read.registry, fingerprint)) return;
      const beginning = learning[fingerprint];
      if (beginning === undefined) {
        await this.#begin(read, fingerprint);
        continue;
      }
      // Taken away and begun again by another process: its sets are empty again.
      if (beginning !== begun) min = "-";
      begun = beginning;
      const page = await this.#copy(read, fingerprint, min);
      // The registry moved: another process may have come to the end.
      if (page === undefined) continue;
      min = `(${page.last}`;
      if (page.count === this.#pageSize) continue;
      const { [fingerprint]: _done, ...rest } = learning;
      if (await this.#save(read, { ...read.registry, learning: rest })) return;
    }
  }

  async #begin(read: ReadRegistry, fingerprint: string): Promise<void> {
    const { fingerprints, learning } = read.registry;
    if (fingerprints.length >= limits.fingerprints) {
      throw limitExceeded("fingerprints", limits.fingerprints, "embedding fingerprints at the same time");
    }
    await this.#save(read, {
      ...read.registry,
      fingerprints: [...fingerprints, fingerprint],
      learning: { ...learning, [fingerprint]: randomUUID() },
    });
  }

  /** Keeps no account of a fingerprint any more, unless it is kept or a document refers to it by now. */
  async forget(fingerprint: string, isKept: (registry: Registry) => boolean): Promise<void> {
    const { registry, indexed, lagging, laggingNames } = this.#store.names;
    const read = await this.#store.registry();
    if (isKept(read.registry)) return;
    const { [fingerprint]: _gone, ...learning } = read.registry.learning;
    const fingerprints = read.registry.fingerprints.filter((one) => one !== fingerprint);
    const rest = { ...read.registry, fingerprints, learning };
    await this.#store.run(
      [
        [registry, read.word],
        [indexed(fingerprint), ""],
      ],
      [
        command(["SET", registry, registryValue(read, rest)]),
        command(["UNLINK", lagging(fingerprint)]),
        command(["UNLINK", laggingNames(fingerprint)]),
      ],
    );
  }

  /** Copies one page of names behind a bound; `undefined` when the registry moved. */
  async #copy(read: ReadRegistry, fingerprint: string, min: string) {
    const { registry, due, dueNames, lagging, laggingNames } = this.#store.names;
    const keys = [dueNames, due, laggingNames(fingerprint), lagging(fingerprint)] as const;
    const copy = command(["COPYDUE", ...keys, min, this.#pageSize], ...keys);
    const replies = await this.#store.run([[registry, read.word]], [copy]);
    if (replies === undefined) return undefined;
    const [count, last] = Array.isArray(replies[0]) ? replies[0] : [];
    if (typeof count !== "number" || typeof last !== "string") throw new TypeError("a page of names is not one");
    return { count, last };
  }

  async #save(read: ReadRegistry, after: Registry): Promise<boolean> {
    const { registry } = this.#store.names;
    const save = command(["SET", registry, registryValue(read, after)]);
    return (await this.#store.run([[registry, read.word]], [save])) !== undefined;
  }
}
