import { compileVisibility, mayDo, principalsOf } from "#core/access/compile.ts";
import type { Caller } from "#core/access/principal.ts";
import type { RuleTable } from "#core/access/rule-table.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";

/** What one revision of the folder says. */
export interface SnapshotParts {
  readonly revision: string;
  readonly trustRevision: string;
  readonly labels: ReadonlySet<string>;
  readonly trust: TrustPolicy;
  readonly table: RuleTable;
}

/** Compiled filters kept per snapshot, and the tokens in all of them together: a caller may have thousands. */
const maxFilters = 2_000;
const maxTokens = 200_000;

/** One immutable revision, with the filters of recent callers kept: the same principal set is compiled once. */
export function makeSnapshot({ revision, trustRevision, labels, trust, table }: SnapshotParts): PolicySnapshot {
  const compiled = new Map<string, VisibilityFilter>();
  let tokens = 0;
  const weigh = (filter: VisibilityFilter): number => (filter.kind === "nothing" ? 1 : filter.tokens.length);

  const visibility = (caller: Caller): VisibilityFilter => {
    const key = callerKey(caller);
    const known = compiled.get(key);
    // A Map keeps insertion order: taking a used filter out and in again makes the first one the least recently used.
    compiled.delete(key);
    const filter = known ?? compileVisibility(table, caller);
    compiled.set(key, filter);
    if (known === undefined) tokens += weigh(filter);
    while (compiled.size > maxFilters || tokens > maxTokens) {
      const [oldest] = compiled;
      if (oldest === undefined || oldest[0] === key) break;
      compiled.delete(oldest[0]);
      tokens -= weigh(oldest[1]);
    }
    return filter;
  };

  return {
    revision,
    trustRevision,
    labels,
    trust,
    principals: (caller) => principalsOf(table, caller),
    visibility,
    may: (caller, action, object) => mayDo(table, caller, action, object),
  };
}

/** The same for every order of groups and actors: neither changes what may be read. */
function callerKey({ tenant, user, groups, actors }: Caller): string {
  return JSON.stringify([tenant, user, [...new Set(groups)].toSorted(), [...new Set(actors)].toSorted()]);
}
