import type { DataGroup } from "./dataset.ts";

/**
 * The groups that a user belongs to, directly or through nested groups, sorted. The members of a member group are members of
 * the outer one. A cycle of groups is one set of members, and no reason to loop.
 */
export function effectiveGroups(user: string, groups: readonly DataGroup[]): readonly string[] {
  const outer = new Map<string, string[]>();
  for (const group of groups) {
    for (const inner of group.memberGroups) {
      const known = outer.get(inner);
      if (known === undefined) outer.set(inner, [group.id]);
      else known.push(group.id);
    }
  }
  const found = new Set<string>();
  const open = groups.filter((group) => group.members.includes(user)).map((group) => group.id);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(outer.get(next) ?? []));
  }
  return [...found].toSorted();
}
