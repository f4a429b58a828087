import { keyOfName } from "./names.ts";
import { command, strings } from "./script.ts";
import type { Store } from "./store.ts";

/** See `LedgerArchive.tenants`. One question per tenant: each leaps over the documents of the one before. */
export async function tenantsOf(store: Store): Promise<readonly string[]> {
  const tenants: string[] = [];
  for (let min = "-"; ; ) {
    const [reply] = await store.query([command(["ZRANGEBYLEX", store.names.stored, min, "+", "LIMIT", 0, 1])]);
    const [name] = strings(reply);
    if (name === undefined) return tenants;
    const { tenant } = keyOfName(name);
    tenants.push(tenant);
    // The character behind the comma: see `lexRange`.
    min = `[${tenant}-`;
  }
}
