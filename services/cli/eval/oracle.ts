import { createHash } from "node:crypto";
import type { DataAcl, DataDocument, Dataset, DataUser } from "./dataset.ts";
import { effectiveGroups } from "./groups.ts";

/**
 * The permission model of the sets, in its order: the account is active; no deny entry names the user or one of the effective
 * groups; the document is public, or the user belongs to its tenant and is named in an allow entry, or it is tenant-wide and the
 * user is not a guest. Written from the sets' description alone, so that it can judge the service.
 */
export function sees(user: DataUser, groups: ReadonlySet<string>, acl: DataAcl): boolean {
  if (!user.active) return false;
  if (acl.denyUsers.includes(user.id) || acl.denyGroups.some((group) => groups.has(group))) return false;
  if (acl.visibility === "public") return true;
  if (!user.tenants.includes(acl.tenant)) return false;
  if (acl.allowUsers.includes(user.id) || acl.allowGroups.some((group) => groups.has(group))) return true;
  return acl.visibility === "tenant" && user.type !== "guest";
}

/** Ids of the documents that a user of a set with access lists should see. */
export function visibleByAcl(set: Dataset, user: DataUser): ReadonlySet<string> {
  const access = set.access;
  if (access === undefined) return new Set();
  const groups = new Set(effectiveGroups(user.id, access.groups));
  const visible = (document: DataDocument) => {
    const acl = access.acl.get(document.id);
    return acl !== undefined && sees(user, groups, acl);
  };
  return new Set(set.documents.filter(visible).map((document) => document.id));
}

/** SHA-256 (hex) of the sorted ids joined by newlines: one comparison for a whole set of ids. */
export function hashOfIds(ids: Iterable<string>): string {
  return createHash("sha256")
    .update([...ids].toSorted().join("\n"))
    .digest("hex");
}
