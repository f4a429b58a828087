import type { SomeVisibility } from "#core/access/visible.ts";
import type { SearchConditions, SearchFilter } from "#core/ports/index.ts";
import { eligibleIn } from "./eligible.ts";
import { allOf, anyOf, type Condition, type Filter, hasOther, is, isEmpty, oneOf, within } from "./filter.ts";

/** What a filter comes to: conditions for the server, or the certainty that nothing is selected, for which it is never asked. */
export type Selection = Filter | "nothing";

/**
 * Points of documents that are visible, by their copy of the access. The same conditions as `visibilityChecks`; a test holds the two
 * together.
 * @param sources which of the filter's sources, at least one
 */
export function visibleIn(filter: SomeVisibility, sources: readonly string[] = filter.sources): Filter {
  const allowed = filter.knownLabels.filter((label) => !filter.deniedLabels.includes(label));
  const must: Condition[] = [
    is("tenant", filter.tenant),
    oneOf("source", sources),
    // A point whose access was never placed grants nobody anything.
    oneOf("grants", filter.tokens),
    // Older text under newer access: both have to let the caller in.
    anyOf([isEmpty("other_grants"), oneOf("other_grants", filter.tokens)]),
  ];
  const mustNot: Condition[] = [oneOf("denies", filter.tokens)];
  if (allowed.length === 0) must.push(isEmpty("labels"));
  else mustNot.push(hasOther("labels", allowed));
  return allOf(must, mustNot);
}

/**
 * Compiles everything that a search runs inside.
 * @param superseded `keyString` of documents that another one, which this filter can see, replaces
 */
export function select({ visibility, eligible, conditions }: SearchFilter, superseded: readonly string[]): Selection {
  if (visibility.kind === "nothing") return "nothing";
  const wanted = conditions.sources ?? [];
  const sources = visibility.sources.filter((source) => wanted.length === 0 || wanted.includes(source));
  if (sources.length === 0) return "nothing";
  const must: Condition[] = [visibleIn(visibility, sources)];
  const asked = asConditions(conditions);
  if (asked === "nothing") return "nothing";
  must.push(...asked);
  if (eligible !== null) {
    const passes = eligibleIn(sources, eligible.trust, eligible.now);
    if (passes === "nothing") return "nothing";
    must.push(passes);
  }
  return allOf(must, superseded.length === 0 ? [] : [oneOf("document", superseded)]);
}

function asConditions({ labels = [], updatedAfter, updatedBefore }: SearchConditions): Condition[] | "nothing" {
  const list: Condition[] = labels.length === 0 ? [] : [oneOf("labels", labels)];
  for (const [bound, text] of [
    ["gte", updatedAfter],
    ["lte", updatedBefore],
  ] as const) {
    if (text === undefined) continue;
    const instant = Date.parse(text);
    if (!Number.isFinite(instant)) return "nothing";
    list.push(within("updated_at", { [bound]: instant }));
  }
  return list;
}
