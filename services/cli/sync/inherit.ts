import type { AclEntry } from "#core/access/acl.ts";
import type { QualityInput } from "#core/trust/quality.ts";
import type { FrontMatterClaim } from "#core/trust/trust-policy.ts";
import type { Statement } from "./metadata.ts";

/** One file's statement about a document: a folder's, or the front matter of the document itself. */
export interface Layer {
  /** Which file, for warnings. */
  readonly file: string;
  readonly statement: Statement;
}

/** Access and quality of a document, all layers taken together. */
export interface Inherited {
  /** `undefined` when no layer states grants: such a document is refused, never guessed. */
  readonly acl: readonly AclEntry[] | undefined;
  readonly labels: readonly string[];
  readonly quality: QualityInput;
  /** One line for each claim that does not count, naming file and key. */
  readonly warnings: readonly string[];
}

/**
 * Takes layers together, outermost first. For grants the nearest layer that states any wins (`acl: []` states that nobody reads);
 * denies and labels add up; of quality each field is the nearest one's.
 */
export function inherit(layers: readonly Layer[]): Omit<Inherited, "warnings"> {
  const grants = layers
    .map(({ statement }) => statement.acl)
    .findLast((acl) => acl !== undefined && (acl.length === 0 || acl.some(isGrant)));
  const denies = layers.flatMap(({ statement }) => (statement.acl ?? []).filter((entry) => !isGrant(entry)));
  return {
    acl: grants === undefined ? undefined : [...distinct(denies), ...grants.filter(isGrant)],
    labels: [...new Set(layers.flatMap(({ statement }) => statement.labels ?? []))],
    quality: Object.assign({}, ...layers.map(({ statement }) => statement.quality ?? {})),
  };
}

/**
 * The same for a document with front matter. What only narrows always counts there: denies, labels, `acl: []`. Grants, authority and
 * review state count when the source allows the claim; otherwise they are left out, with a warning.
 */
export function inheritDocument(
  folders: readonly Layer[],
  own: Layer | undefined,
  allowed: ReadonlySet<FrontMatterClaim>,
): Inherited {
  if (own === undefined) return { ...inherit(folders), warnings: [] };
  const warnings: string[] = [];
  const refuse = (claim: FrontMatterClaim, key: string) => {
    if (allowed.has(claim)) return false;
    warnings.push(`${own.file}: ${key} in front matter does not count in this source, ignored`);
    return true;
  };
  const { acl, labels, quality = {} } = own.statement;
  const kept: QualityInput = { ...quality };
  if (quality.authority !== undefined && refuse("authority", "quality.authority")) delete kept.authority;
  if (quality.review_state !== undefined && refuse("review_state", "quality.review_state")) delete kept.review_state;
  const keptAcl = acl?.some(isGrant) && refuse("grants", "a grant of acl") ? denyOnly(acl) : acl;
  const statement: Statement = {
    quality: kept,
    ...(keptAcl === undefined ? {} : { acl: keptAcl }),
    ...(labels === undefined ? {} : { labels }),
  };
  return { ...inherit([...folders, { file: own.file, statement }]), warnings };
}

const isGrant = (entry: AclEntry): boolean => entry.access_type === "grant";

/** Without its grants a list may be empty, which would state that nobody reads: then it states nothing. */
function denyOnly(acl: readonly AclEntry[]): AclEntry[] | undefined {
  const denies = acl.filter((entry) => !isGrant(entry));
  return denies.length === 0 ? undefined : denies;
}

function distinct(entries: readonly AclEntry[]): AclEntry[] {
  return [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()];
}
