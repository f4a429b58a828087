import type { AclEntry } from "#core/access/acl.ts";
import { principalName } from "#core/access/principal.ts";
import type { ContentType } from "#core/document.ts";
import { labelPattern, sourcePattern, tenantPattern } from "#core/limits.ts";
import { UsageError } from "../terminal.ts";
import type { DataAcl, DataDocument, DataQuery, Dataset, DataUser } from "./dataset.ts";
import { effectiveGroups } from "./groups.ts";
import { legalName } from "./names.ts";
import { visibleByAcl } from "./oracle.ts";

/** Groups that the mapping puts into tokens beside the set's own. A set that uses one of these names is refused. */
export const ownGroups = {
  /** Everyone of a tenant but guests: what "tenant-wide" grants to. */
  members: "members",
  /** Accounts that are active: only they have the role that reads. */
  active: "active",
  /** May put and share documents: the loader. */
  writers: "reticent-eval-writers",
  /** May list what the compiled filter selects, and read the service's status. */
  auditors: "reticent-eval-auditors",
} as const;

/** A document as it is put into the service. */
export interface MappedDocument {
  /** Its name in the set. */
  readonly id: string;
  /** Its id in the service: the same, but for a set over a folder, whose names hold tenant and source too. */
  readonly documentId: string;
  readonly source: string;
  /** Tenants of ours that get a copy. */
  readonly tenants: readonly string[];
  readonly title: string;
  readonly url: string | null;
  readonly contentType: ContentType;
  readonly body: string;
  readonly acl: readonly AclEntry[];
  readonly labels: readonly string[];
  readonly updatedAt: string | null;
  readonly owner: string | null;
  /** Older documents of the same tenant and source that this one replaces. */
  readonly supersedes: readonly string[];
  /** The other quality metadata as the API takes it. */
  readonly quality: Readonly<Record<string, unknown>>;
}

/** A user of the set as a caller of the service: one token per tenant. */
export interface MappedUser {
  /** Unique among the callers of the set. */
  readonly id: string;
  /** The user that the tokens name, and the agents that act for it. */
  readonly name: string;
  readonly agents: readonly string[];
  readonly tokens: readonly { readonly tenant: string; readonly groups: readonly string[] }[];
  /** Ids that the oracle lets the user see. */
  readonly visible: ReadonlySet<string>;
}

/** A set in the service's terms. */
export interface Mapping {
  readonly tenants: readonly string[];
  readonly sources: readonly string[];
  readonly labels: readonly string[];
  readonly documents: readonly MappedDocument[];
  readonly users: readonly MappedUser[];
  /** The user that asks a query in a set without access lists. */
  readonly callerOf: (query: Pick<DataQuery, "tenant" | "caller">) => MappedUser | undefined;
  /** The name in the set of a document of the service. */
  readonly nameOf: (tenant: string, source: string, documentId: string) => string;
  /** True where every caller asks every query, because leaks are looked for in all of them. */
  readonly everyoneAsks: boolean;
}

const tenantName = (name: string) => legalName(name, tenantPattern);

/** Markdown where a line looks like a heading, else plain text: the layout does not say. */
export function contentTypeOf(text: string): ContentType {
  return /^#{1,6} \S/m.test(text) ? "text/markdown" : "text/plain";
}

function aclOf(acl: DataAcl): AclEntry[] {
  const entries = (access_type: "grant" | "deny", users: readonly string[], groups: readonly string[]): AclEntry[] => [
    ...users.map((value) => ({ access_type, type: "user" as const, value })),
    ...groups.map((value) => ({ access_type, type: "group" as const, value })),
  ];
  const whole: AclEntry[] =
    acl.visibility === "public"
      ? [{ access_type: "grant", type: "everyone" }]
      : acl.visibility === "tenant"
        ? [{ access_type: "grant", type: "group", value: ownGroups.members }]
        : [];
  return [
    ...whole,
    ...entries("grant", acl.allowUsers, acl.allowGroups),
    ...entries("deny", acl.denyUsers, acl.denyGroups),
  ];
}

// A principal whose name is not legal, or changes when normalised, would silently be somebody else.
function checkPrincipals(set: Dataset): void {
  const reserved = new Set<string>(Object.values(ownGroups));
  for (const { id } of [...(set.access?.users ?? []), ...(set.access?.groups ?? [])]) {
    if (principalName(id) !== id) throw new UsageError(`principals.json: "${id}" is not a principal's name of ours`);
  }
  for (const { id } of set.access?.groups ?? []) {
    if (reserved.has(id)) throw new UsageError(`principals.json: the group "${id}" has a name that eval needs itself`);
  }
}

function mapDocument(
  document: DataDocument,
  tenants: readonly string[],
  acl: AclEntry[],
  labels: string[],
): MappedDocument {
  return {
    id: document.id,
    documentId: document.id,
    source: legalName(document.source, sourcePattern),
    tenants,
    title: document.title.trim() === "" ? document.id : document.title,
    url: document.url ?? null,
    contentType: contentTypeOf(document.text),
    body: document.text,
    acl,
    labels,
    updatedAt: document.updatedAt ?? null,
    owner: document.meta.owner ?? null,
    supersedes: [],
    quality: {},
  };
}

function withSupersedes(set: Dataset, documents: readonly MappedDocument[]): readonly MappedDocument[] {
  const olderOf = new Map<string, string[]>();
  for (const document of set.documents) {
    const newer = document.meta.supersededBy;
    if (typeof newer === "string") olderOf.set(newer, [...(olderOf.get(newer) ?? []), document.id]);
  }
  return documents.map((document) => ({ ...document, supersedes: olderOf.get(document.id) ?? [] }));
}

function frame(set: Dataset, documents: readonly MappedDocument[]) {
  return {
    sources: [...new Set(documents.map((document) => document.source))].toSorted(),
    labels: [...new Set(documents.flatMap((document) => document.labels))].toSorted(),
    documents: withSupersedes(set, documents),
    nameOf: (_tenant: string, _source: string, documentId: string) => documentId,
  };
}

/**
 * A set with access lists: one tenant of ours per tenant of the set, and one more for users of none; public documents in all of
 * them; tenant-wide documents granted to `group:members`; allow and deny entries one to one; the closure of nested groups in the
 * tokens; `group:active` only for active users.
 */
function mapWithAccess(set: Dataset, access: NonNullable<Dataset["access"]>): Mapping {
  checkPrincipals(set);
  const own = access.tenants.map(tenantName);
  let none = "none";
  while (own.includes(none)) none += "-of-them";
  const tenants = [...own, none];
  const documents = set.documents.map((document) => {
    const acl = access.acl.get(document.id);
    if (acl === undefined) throw new UsageError(`acl.jsonl: no line for document "${document.id}"`);
    const home = tenantName(acl.tenant);
    if (!own.includes(home)) throw new UsageError(`acl.jsonl: tenant "${acl.tenant}" is not one of principals.json`);
    const labels = acl.label === undefined ? [] : [legalName(acl.label, labelPattern, true)];
    return mapDocument(document, acl.visibility === "public" ? tenants : [home], aclOf(acl), labels);
  });
  const userOf = (user: DataUser): MappedUser => {
    const groups = [
      ...effectiveGroups(user.id, access.groups),
      ...(user.type === "guest" ? [] : [ownGroups.members]),
      ...(user.active ? [ownGroups.active] : []),
    ];
    const homes = user.tenants.length === 0 ? [none] : user.tenants.map(tenantName);
    return {
      id: user.id,
      name: user.id,
      agents: [],
      tokens: homes.map((tenant) => ({ tenant, groups })),
      visible: visibleByAcl(set, user),
    };
  };
  return {
    tenants,
    ...frame(set, documents),
    users: access.users.map(userOf),
    callerOf: () => undefined,
    everyoneAsks: true,
  };
}

/** A set without access lists: every document is granted to everyone of its tenant, and one caller per tenant asks. */
function mapWithoutAccess(set: Dataset): Mapping {
  const homeOf = (document: DataDocument) => tenantName(document.meta.tenant ?? "main");
  const tenants = [...new Set(set.documents.map(homeOf))].toSorted();
  const everyone: AclEntry[] = [{ access_type: "grant", type: "everyone" }];
  const documents = set.documents.map((document) => mapDocument(document, [homeOf(document)], everyone, []));
  const callerIn = (homes: readonly string[], id: string): MappedUser => ({
    id,
    name: id,
    agents: [],
    tokens: homes.map((tenant) => ({ tenant, groups: [ownGroups.members, ownGroups.active] })),
    visible: new Set(
      set.documents.filter((document) => homes.includes(homeOf(document))).map((document) => document.id),
    ),
  });
  const callers = new Map(
    tenants.map((tenant) => [tenant, callerIn([tenant], tenants.length === 1 ? "caller" : `caller-${tenant}`)]),
  );
  // A query that names no tenant is asked of all of them, as a user of several tenants would.
  const anywhere = tenants.length === 1 ? undefined : callerIn(tenants, "caller");
  const needed = anywhere !== undefined && set.queries.some((query) => (query.tenant ?? null) === null);
  return {
    tenants,
    ...frame(set, documents),
    users: [...callers.values(), ...(needed ? [anywhere] : [])],
    everyoneAsks: false,
    callerOf: ({ tenant }) =>
      (tenant ?? null) === null
        ? (anywhere ?? [...callers.values()][0])
        : callers.get(tenants.length === 1 ? (tenants[0] ?? "") : tenantName(tenant ?? "")),
  };
}

/** Maps a set to tenants, sources, labels, documents and callers of the service. */
export function mapDataset(set: Dataset): Mapping {
  return set.access === undefined ? mapWithoutAccess(set) : mapWithAccess(set, set.access);
}
