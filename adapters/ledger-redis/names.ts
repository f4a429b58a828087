import type { DocumentKey } from "#core/document.ts";
import { sourcePattern, tenantPattern } from "#core/limits.ts";
import type { GenerationRef } from "#core/ports/ledger.ts";

/**
 * Redis sorts members by their UTF-8 bytes, which is the order of code points; `compareKeys` sorts by UTF-16 code units. The two differ
 * for surrogates alone: they sort before U+E000 as units and after U+FFFF as code points. So every surrogate is written as U+D7FF, an
 * unassigned character, and a second one that keeps their order, and U+D7FF itself as the smallest such pair. What results holds no
 * surrogate, sorts alike both ways, and is different for different texts, lone surrogates included. Nearly every id stays as it is.
 */
const escaped = /[\ud7ff-\udfff]/g;
const mark = "\ud7ff";
const written = /\ud7ff([\u0100-\u0900])/g;
const offset = 0xd7ff - 0x100;

/** Text whose UTF-8 bytes sort as the code units of the given one do; the exact inverse is {@link fromSortable}. */
export function toSortable(text: string): string {
  return text.replace(escaped, (unit) => mark + String.fromCharCode(unit.charCodeAt(0) - offset));
}

/** The text behind {@link toSortable}. */
export function fromSortable(text: string): string {
  return text.replace(written, (_, unit: string) => String.fromCharCode(unit.charCodeAt(0) + offset));
}

/** Whether a document can have this key: no other one was ever stored. */
export function isNameable(key: DocumentKey): boolean {
  return tenantPattern.test(key.tenant) && sourcePattern.test(key.source);
}

/**
 * A document's name in keys and members: `tenant,source,id`. A comma sorts before every character that a tenant or source may hold, so
 * that names sort as `compareKeys` does.
 * @throws RangeError for a tenant or source that is not a name
 */
export function nameOf(key: DocumentKey): string {
  if (!isNameable(key)) throw new RangeError("a tenant or source is not a name");
  return `${key.tenant},${key.source},${toSortable(key.id)}`;
}

/** The key behind {@link nameOf}. */
export function keyOfName(name: string): DocumentKey {
  const first = name.indexOf(",");
  const second = name.indexOf(",", first + 1);
  if (second < 0) throw new TypeError("a member is not a document's name");
  return {
    tenant: name.slice(0, first),
    source: name.slice(first + 1, second),
    id: fromSortable(name.slice(second + 1)),
  };
}

/** A generation as a member of a set. */
export function generationName(ref: GenerationRef): string {
  return `${nameOf(ref.key)}\0${ref.fingerprint}\0${ref.generation}`;
}

/** The generation behind {@link generationName}. An id may hold a NUL, what comes behind it does not. */
export function generationOfName(member: string): GenerationRef {
  const second = member.lastIndexOf("\0");
  const first = member.lastIndexOf("\0", second - 1);
  const generation = Number(member.slice(second + 1));
  if (first < 0 || !Number.isSafeInteger(generation)) throw new TypeError("a member is not a generation");
  return { key: keyOfName(member.slice(0, first)), fingerprint: member.slice(first + 1, second), generation };
}

/** Bounds of `ZRANGEBYLEX` for the documents of a tenant, or of one of its sources, behind a key. */
export function lexRange(
  tenant: string,
  source: string | undefined,
  after: { readonly source: string; readonly id: string } | undefined,
): { readonly min: string; readonly max: string } {
  const scope = source === undefined ? tenant : `${tenant},${source}`;
  const start = `${scope},`;
  const last = after === undefined ? "" : nameOf({ ...after, tenant });
  // "-" is the character behind the comma: everything that starts with `start` sorts before it.
  return { min: last >= start ? `(${last}` : `[${start}`, max: `(${scope}-` };
}

/** The namespace of a deployment that names none. */
export const defaultNamespace = "reticent";

/** Every Redis key of a deployment. All of them share one hash tag, so that they lie in one slot. */
export function keyNames(namespace: string) {
  const prefix = `{${namespace}}:`;
  const under = (kind: string) => (fingerprint: string) => `${prefix}${kind}:${fingerprint}`;
  return {
    /** JSON: the store's identity, the active and the known fingerprints. */
    registry: `${prefix}registry`,
    /** Grows with every accepted write. */
    writes: `${prefix}writes`,
    /** JSON of a document's record: what a re-check reads. */
    document: (name: string) => `${prefix}doc:${name}`,
    /** The accepted body: its generation, a space, zstd. */
    body: (name: string) => `${prefix}body:${name}`,
    /** Names of all documents, and of those that failed; all scores 0. */
    stored: `${prefix}stored`,
    failed: `${prefix}failed`,
    /** Documents that have wanted content and have not failed: by acceptance, and by name. */
    due: `${prefix}due`,
    dueNames: `${prefix}due-names`,
    /** Those of them whose wanted generation is not live under a known fingerprint. */
    lagging: under("lagging"),
    laggingNames: under("lagging-names"),
    /** Documents whose access the index's copy under a fingerprint does not carry yet, by acceptance. */
    copyLagging: under("copy-lagging"),
    /** Documents with an announced or live generation under a fingerprint. */
    indexed: under("indexed"),
    /** Generations to be erased, by the time they were retired; those that were handed out. */
    retired: `${prefix}retired`,
    collecting: `${prefix}collecting`,
    /** What replaces a document under a fingerprint: access classes by id, and the names in each class. */
    replaced: (fingerprint: string, name: string) => `${prefix}replaced:${fingerprint.length}:${fingerprint}:${name}`,
    replacing: (fingerprint: string, name: string, accessClass: string) =>
      `${prefix}replacing:${accessClass}:${fingerprint.length}:${fingerprint}:${name}`,
    /** Disabled principals of a tenant, and the revision of that list. */
    disabled: (tenant: string) => `${prefix}disabled:${tenant}`,
    disabledRevision: (tenant: string) => `${prefix}disabled-revision:${tenant}`,
    /** Tenants that ever had a disabled principal. */
    disabledTenants: `${prefix}disabled-tenants`,
    probes: under("probes"),
    /** The policy revision that all processes use, and those that it replaced, by when. */
    policy: `${prefix}policy`,
    supersededPolicies: `${prefix}superseded-policies`,
  } as const;
}

/** What {@link keyNames} gives. */
export type KeyNames = ReturnType<typeof keyNames>;
