import { documentPath } from "./api.ts";
import type { Dataset } from "./dataset.ts";
import type { Instance } from "./instance.ts";
import { type MappedUser, type Mapping, ownGroups } from "./mapping.ts";
import { hashOfIds } from "./oracle.ts";

/** What one user sees, by each of the service's two ways, against the oracle. */
export interface UserVisibility {
  readonly user: string;
  /** Documents by the re-check; a document of several tenants counts once. */
  readonly visible: number;
  /** SHA-256 of their sorted ids. */
  readonly sha256: string;
  readonly filter_equals_oracle: boolean;
  readonly recheck_equals_oracle: boolean;
  /** Some of the ids that differ, for a person to look at. */
  readonly differing: readonly string[];
}

const shown = 5;

/**
 * Asks for a user's visible documents twice (by the compiled filter, by the re-check), unites the user's tenants, and compares
 * with the oracle: the set's own published hash where it has one, and the rules applied by eval in any case.
 * @param added ids of an add-on that the published hash does not count.
 */
export async function checkVisibility(
  instance: Instance,
  user: MappedUser,
  set: Dataset,
  nameOf: Mapping["nameOf"],
  added: ReadonlySet<string>,
): Promise<UserVisibility> {
  const read = async (via: "recheck" | "filter") => {
    // The right to look through the filter comes with a group that no access list names.
    const tokens = await instance.tokensOf(user, via === "filter" ? [ownGroups.auditors] : []);
    const pages = await Promise.all(
      tokens.map(async ({ tenant, token }) =>
        (await instance.api.documents(token, via)).map(({ source, id }) => nameOf(tenant, source, id)),
      ),
    );
    return new Set(pages.flat());
  };
  const [byRecheck, byFilter] = [await read("recheck"), await read("filter")];
  const published = set.visible.find((line) => line.user === user.id);
  const equals = (found: ReadonlySet<string>) => {
    const counted = [...found].filter((id) => !added.has(id));
    const asPublished =
      published === undefined ||
      (counted.length === published.visibleDocCount && hashOfIds(counted) === published.visibleSha256);
    return asPublished && found.symmetricDifference(user.visible).size === 0;
  };
  const differing = byRecheck.symmetricDifference(user.visible).union(byFilter.symmetricDifference(user.visible));
  return {
    user: user.id,
    visible: byRecheck.size,
    sha256: hashOfIds(byRecheck),
    filter_equals_oracle: equals(byFilter),
    recheck_equals_oracle: equals(byRecheck),
    differing: [...differing].toSorted().slice(0, shown),
  };
}

/** Documents of the add-on: those that another one supersedes. */
export function addedIds(set: Dataset): ReadonlySet<string> {
  return new Set(set.documents.filter(({ meta }) => typeof meta.supersededBy === "string").map(({ id }) => id));
}

/** Hidden documents that are asked for by name, per user, evenly over the set. */
const probes = 25;

/**
 * Asks for hidden documents by their very names: the answer must be the one for a name that nobody has.
 * @returns the ids that were told apart.
 */
export async function probeHidden(
  instance: Instance,
  user: MappedUser,
  mapping: Mapping,
): Promise<{ asked: number; told: readonly string[] }> {
  const hidden = mapping.documents.filter((document) => !user.visible.has(document.id));
  const step = Math.max(1, Math.floor(hidden.length / probes));
  const told: string[] = [];
  let asked = 0;
  for (const { tenant, token } of await instance.tokensOf(user)) {
    for (let at = 0; at < hidden.length; at += step) {
      const document = hidden[at];
      if (document === undefined) break;
      // Another tenant's document may have the name of one that this user reads at home.
      if (user.visible.has(mapping.nameOf(tenant, document.source, document.documentId))) continue;
      asked++;
      const reply = await instance.api.send("GET", documentPath(document.source, document.documentId), token);
      const missing = await instance.api.send("GET", documentPath(document.source, `${document.documentId}~`), token);
      if (reply.status !== 404 || blind(reply.body) !== blind(missing.body)) told.push(document.id);
    }
  }
  return { asked, told };
}

/** An error without the number of its request. */
const blind = (body: string) => body.replace(/"req_[0-9a-f]+"/, '"req"');
