import { limitExceeded } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { attempts } from "./attempts.ts";
import { type Command, command } from "./script.ts";
import { type ReadRegistry, type Registry, registryValue, type Store } from "./store.ts";

/** The fingerprints that the store keeps account of, one of which is active. Every write of a document compares them. */
export class Fingerprints {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
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
   * Begins to keep account of a fingerprint. No document was ever live under one that is not known, so everything that is due lags: the sets
   * are copied in one step, which takes about as many µs as there are documents, once per model.
   * @throws AppError `limit-exceeded`
   */
  async learn(read: ReadRegistry, fingerprint: string): Promise<void> {
    const { due, dueNames, lagging, laggingNames } = this.#store.names;
    const fingerprints = [...read.registry.fingerprints, fingerprint];
    if (fingerprints.length > limits.fingerprints) {
      throw limitExceeded("fingerprints", limits.fingerprints, "embedding fingerprints at the same time");
    }
    const copy = (to: string, from: string): Command => command(["ZUNIONSTORE", to, 1, from], from);
    const copies = [copy(lagging(fingerprint), due), copy(laggingNames(fingerprint), dueNames)];
    await this.#save(read, { ...read.registry, fingerprints }, copies);
  }

  /** Keeps no account of a fingerprint any more, unless it is kept or a document refers to it by now. */
  async forget(fingerprint: string, isKept: (registry: Registry) => boolean): Promise<void> {
    const { registry, indexed, lagging, laggingNames } = this.#store.names;
    const read = await this.#store.registry();
    if (isKept(read.registry)) return;
    const fingerprints = read.registry.fingerprints.filter((one) => one !== fingerprint);
    await this.#store.run(
      [
        [registry, read.word],
        [indexed(fingerprint), ""],
      ],
      [
        command(["SET", registry, registryValue(read, { ...read.registry, fingerprints })]),
        command(["UNLINK", lagging(fingerprint)]),
        command(["UNLINK", laggingNames(fingerprint)]),
      ],
    );
  }

  async #save(read: ReadRegistry, after: Registry, commands: readonly Command[] = []): Promise<boolean> {
    const { registry } = this.#store.names;
    const save = command(["SET", registry, registryValue(read, after)]);
    return (await this.#store.run([[registry, read.word]], [save, ...commands])) !== undefined;
  }
}
