import type { SearchFilter } from "#core/ports/index.ts";
import type { LiveRef } from "#core/ports/live-documents.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";

/** Selections kept, the last ones used: one per caller and filter that ask often. */
const kept = 16;

/** What a filter selects. */
export interface Selected {
  readonly refs: readonly LiveRef[];
  /** ms since the epoch: until then, and with the same documents, the filter selects the same at any later `now`. */
  readonly changesAt: number;
}

interface Entry extends Selected {
  readonly trust: TrustPolicy | undefined;
  readonly now: number;
}

/**
 * The last selections, so that the same question asked again is not worked out again, and gives the very same array. It is emptied with
 * every commit, in its critical section: nothing of it outlives a change of access.
 */
export class SelectionCache {
  readonly #entries = new Map<string, Entry>();

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  /** What was selected for the same filter, or what `select` gives. */
  take(fingerprint: string, filter: SearchFilter, select: () => Selected): readonly LiveRef[] {
    const { visibility, eligible, conditions } = filter;
    const key = JSON.stringify([fingerprint, visibility, conditions, eligible === null]);
    const known = this.#entries.get(key);
    if (known !== undefined && holds(known, eligible)) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.refs;
    }
    const entry: Entry = { ...select(), trust: eligible?.trust, now: eligible?.now ?? 0 };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > kept) this.#entries.delete(oldest);
    return entry.refs;
  }
}

/** Written so that a clock that is no number finds nothing. */
function holds(entry: Entry, eligible: SearchFilter["eligible"]): boolean {
  if (eligible === null) return true;
  const { trust, now } = eligible;
  return entry.trust === trust && (now === entry.now || (now > entry.now && now < entry.changesAt));
}
