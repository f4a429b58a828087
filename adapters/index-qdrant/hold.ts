import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { believedMs } from "./collections.ts";
import { defaultPrefix } from "./qdrant-index.ts";
import { Server } from "./server.ts";

/** Searches that are refused until somebody says otherwise. */
export interface HeldSearches {
  /** Lets the index be looked through, as one that was made now: it is searched again when all that is live by then was seen in it. */
  release(): Promise<void>;
}

/**
 * Takes all collections of a deployment out of every search, whatever they were called before, for as long as documents are brought back into its
 * ledger: the index knows nothing of those and would say so of every question. Comes back when every process has heard of it. It lasts when whoever
 * asked for it ends before the release.
 * @param options.prefix as given to `openQdrantIndex`
 * @throws AppError `index-unavailable`
 */
export async function holdSearches(options: {
  readonly url: string;
  readonly apiKey?: string;
  readonly prefix?: string;
  readonly timeoutMs: number;
}): Promise<HeldSearches> {
  const { prefix = defaultPrefix, ...where } = options;
  const server = new Server({ ...where, onTrouble: () => {} });
  const mark = async (metadata: () => Readonly<Record<string, string>>): Promise<number> => {
    const aliases = [...(await server.aliases())].filter(([alias]) => isSearched(alias, prefix));
    for (const [, collection] of aliases) await server.setMetadata(collection, metadata());
    return aliases.length;
  };
  if ((await mark(() => ({ held: "import" }))) > 0) await sleep(believedMs + lookMs);
  return {
    release: async () => {
      await mark(() => ({ held: "", instance: randomUUID() }));
    },
  };
}

/** How old what a look saw may be when it is over, ms. */
const lookMs = 500;

/** Not those of another deployment whose name only begins in the same way. */
const isSearched = (alias: string, prefix: string): boolean =>
  alias.startsWith(`${prefix}-`) && /^[0-9a-f]{16}$/u.test(alias.slice(prefix.length + 1));
