import type { Access, AccessToken } from "../access/acl.ts";

/**
 * Access that opens nothing which either of two accesses keeps closed: denies and labels add up, a grant stays when the other
 * one makes it too. Where the exact intersection cannot be written as an access list (`finance` on one side, `hr` on the
 * other, a caller in both), this is the narrower.
 */
export function narrowed(a: Access, b: Access): Access {
  return {
    grants: union(grantedBy(a.grants, b.grants), grantedBy(b.grants, a.grants)),
    denies: union(a.denies, b.denies),
    labels: union(a.labels, b.labels),
  };
}

/** Those of the tokens that the other list grants as well, be it through `everyone`. */
function grantedBy(tokens: readonly AccessToken[], other: readonly AccessToken[]): readonly AccessToken[] {
  const granted = new Set(other);
  return granted.has("everyone") ? tokens : tokens.filter((token) => granted.has(token));
}

function union<T extends string>(a: readonly T[], b: readonly T[]): T[] {
  return [...new Set([...a, ...b])].toSorted();
}
