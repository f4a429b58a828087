import type { SomeVisibility } from "#core/access/visible.ts";
import type { SearchConditions, SearchFilter } from "#core/ports/index.ts";
import { eligibleIn, type GatedSources } from "./eligible.ts";
import { type AllOf, allOf, anyOf, type Condition, hasOther, is, isEmpty, oneOf, within } from "./filter.ts";

/** What a filter comes to: conditions for the server, or the certainty that nothing is selected, for which it is never asked. */
export type Selection = AllOf | "nothing";

/** Conditions that hold, and that do not; of a filter that is one list of each costs the server least. */
interface Conditions {
  readonly must: readonly Condition[];
  readonly mustNot: readonly Condition[];
}

/**
 * Points of documents that are visible, by their copy of the access. The same conditions as `visibilityChecks`; a test holds the two
 * together.
 * @param sources which of the filter's sources, at least one
 */
export function visibleIn(filter: SomeVisibility, sources: readonly string[] = filter.sources): AllOf {
  const { must, mustNot } = visible(filter);
  return allOf([...must, oneOf("source", sources)], mustNot);
}

/** The conditions of visibility but for the source's. */
function visible(filter: SomeVisibility): Conditions {
  const allowed = filter.knownLabels.filter((label) => !filter.deniedLabels.includes(label));
  const must: Condition[] = [
    is("tenant", filter.tenant),
    // A point whose access was never placed grants nobody anything.
    oneOf("grants", filter.tokens),
    // Older text under newer access: both have to let the caller in.
    anyOf([isEmpty("other_grants"), oneOf("other_grants", filter.tokens)]),
  ];
  const mustNot: Condition[] = [oneOf("denies", filter.tokens)];
  if (allowed.length === 0) must.push(isEmpty("labels"));
  else mustNot.push(hasOther("labels", allowed));
  return { must, mustNot };
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
  const asked = asConditions(conditions);
  if (asked === "nothing") return "nothing";
  const gated = eligible === null ? inSources(sources) : inGroups(eligibleIn(sources, eligible.trust, eligible.now));
  if (gated === "nothing") return "nothing";
  const { must, mustNot } = visible(visibility);
  return allOf(
    [...must, ...asked, ...gated.must],
    [...mustNot, ...gated.mustNot, ...(superseded.length === 0 ? [] : [oneOf("document", superseded)])],
  );
}

const inSources = (sources: readonly string[]): Conditions => ({ must: [oneOf("source", sources)], mustNot: [] });

/** Every group names its sources, which are among those that are visible. */
function inGroups(groups: readonly GatedSources[]): Conditions | "nothing" {
  const [only, ...more] = groups;
  if (only === undefined) return "nothing";
  const conditionsOf = ({ sources, must, mustNot }: GatedSources): Conditions => ({
    must: [oneOf("source", sources), ...must],
    mustNot,
  });
  if (more.length === 0) return conditionsOf(only);
  const clauses = groups.map(conditionsOf).map(({ must, mustNot }) => allOf(must, mustNot));
  return { must: [anyOf(clauses)], mustNot: [] };
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
