import type { AclEntry } from "#core/access/acl.ts";

/** A document's access as a request states it. */
export interface Access {
  readonly acl: readonly AclEntry[];
  readonly labels: readonly string[];
}

/** Access that lets nobody in. */
export const nobody: Access = { acl: [], labels: [] };

/** Somebody who asks. What the policy of the test lets this caller do is written here a second time, by hand. */
export interface Reader {
  /** Unique; tells callers apart in the output. */
  readonly name: string;
  readonly tenant: string;
  readonly user: string;
  readonly groups: readonly string[];
  /** The agent that asks for the user, if one does. */
  readonly agent?: string;
  /** Sources that the policy lets the user and the agent read. */
  readonly sources: readonly string[];
  /** Labels that the policy denies to the user or the agent. */
  readonly deniedLabels: readonly string[];
}

/** The principals that a caller stands for when it is asked whether one is disabled. */
export function principalsOf({ user, agent }: Reader): readonly string[] {
  return agent === undefined ? [`user:${user}`] : [`user:${user}`, `agent:${agent}`];
}

/**
 * Whether a caller may read a document, by the rules of the design, written independently of the service: same tenant, a source that the
 * policy opens, no denied label, no deny entry, and a grant.
 */
export function mayRead(reader: Reader, tenant: string, source: string, { acl, labels }: Access): boolean {
  if (reader.tenant !== tenant || !reader.sources.includes(source)) return false;
  if (labels.some((label) => reader.deniedLabels.includes(label))) return false;
  let isGranted = false;
  for (const entry of acl) {
    const isMeant =
      entry.type === "everyone" ||
      (entry.type === "user" ? entry.value === reader.user : reader.groups.includes(entry.value));
    if (isMeant && entry.access_type === "deny") return false;
    isGranted ||= isMeant;
  }
  return isGranted;
}

/** One text for accesses that say the same, in whatever order and however often. */
export function accessKey({ acl, labels }: Access): string {
  const entries = acl.map(
    (entry) => `${entry.access_type} ${entry.type} ${entry.type === "everyone" ? "" : entry.value}`,
  );
  return JSON.stringify([[...new Set(entries)].toSorted(), [...new Set(labels)].toSorted()]);
}
