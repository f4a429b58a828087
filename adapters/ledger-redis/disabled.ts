import type { DisabledPrincipal } from "#core/ports/archive.ts";
import { attempts } from "./attempts.ts";
import { nextRevision } from "./envelope.ts";
import { command, strings } from "./script.ts";
import type { Store } from "./store.ts";

/** See `Ledger.setDisabled`. Also a compare-and-set: an order that was given up and arrives late must not undo a later one. */
export async function setDisabled(
  store: Store,
  now: number,
  { tenant, principal }: DisabledPrincipal,
  disabled: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const { names } = store;
  const key = names.disabled(tenant);
  const revisionKey = names.disabledRevision(tenant);
  await attempts(async () => {
    const { registry, values } = await store.get([revisionKey]);
    const revision = values[0] ?? "";
    const replies = await store.run(
      [
        [names.registry, registry.word],
        [revisionKey, revision],
      ],
      [
        command(["SET", revisionKey, nextRevision(revision)]),
        command(["ZADD", names.disabledTenants, 0, tenant]),
        disabled ? command(["HSETNX", key, principal, now]) : command(["HDEL", key, principal]),
      ],
    );
    return replies === undefined ? undefined : { result: undefined };
  }, signal);
}

/** See `LedgerArchive.disabledPrincipals`. */
export async function disabledOf(store: Store): Promise<readonly DisabledPrincipal[]> {
  const [reply] = await store.query([command(["ZRANGE", store.names.disabledTenants, 0, -1])]);
  const all: DisabledPrincipal[] = [];
  for (const tenant of strings(reply).toSorted()) {
    const [principals] = await store.query([command(["HKEYS", store.names.disabled(tenant)])]);
    all.push(
      ...strings(principals)
        .toSorted()
        .map((principal) => ({ tenant, principal })),
    );
  }
  return all;
}
