import { AppError } from "#core/errors.ts";
import type { Ledger } from "#core/ports/ledger.ts";

/** A ledger, and whether it takes writes. */
export interface WatchedLedger {
  readonly ledger: Ledger;
  /** False from a client's write that the store refused until one that it kept. Nothing is written only to find out. */
  isWritable(): boolean;
}

/** Watches the writes that clients ask for. A repeat or a late version, which writes nothing, proves nothing. */
export function watchWrites(inner: Ledger): WatchedLedger {
  let writable = true;

  async function watched<T>(command: Promise<T>, wrote: (result: T) => boolean = () => true): Promise<T> {
    try {
      const result = await command;
      if (wrote(result)) writable = true;
      return result;
    } catch (error) {
      if (error instanceof AppError && error.code === "ledger-unavailable") writable = false;
      throw error;
    }
  }
  const changed = ({ outcome }: { readonly outcome: string }): boolean =>
    outcome !== "unchanged" && outcome !== "ignored";

  const commands: Pick<Ledger, "putDocument" | "putAccess" | "deleteDocument" | "setDisabled"> = {
    putDocument: (command, signal) => watched(inner.putDocument(command, signal), changed),
    putAccess: (command, signal) => watched(inner.putAccess(command, signal)),
    deleteDocument: (command, signal) => watched(inner.deleteDocument(command, signal), changed),
    setDisabled: (tenant, principal, disabled, signal) =>
      watched(inner.setDisabled(tenant, principal, disabled, signal)),
  };
  // Everything else goes to the ledger itself, whose private state is for its own methods only.
  const ledger = new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(commands, name)) return Reflect.get(commands, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { ledger, isWritable: () => writable };
}
