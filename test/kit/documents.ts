import { type Access, type AccessToken, nobody } from "#core/access/acl.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { DocumentKey } from "#core/document.ts";
import { accessHash, contentHash, requestHash } from "#core/ingest/hash.ts";
import type { SearchFilter } from "#core/ports/index.ts";
import type { PutDocument } from "#core/ports/ledger.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";

/** A document key; tenant `halden` and source `wiki` unless said otherwise. */
export function keyOf(id: string, source = "wiki", tenant = "halden"): DocumentKey {
  return { tenant, source, id };
}

/** Access with these grants alone. */
export function grantTo(...grants: AccessToken[]): Access {
  return { ...nobody, grants: grants.toSorted() };
}

/** Quality that says nothing. */
export const noQuality: Quality = {
  authority: null,
  reviewState: null,
  updatedAt: null,
  expiresAt: null,
  owner: null,
  supersedes: [],
};

/** An accepted document with its hashes; version 1, a short text, granted to everyone, unless said otherwise. */
export function putOf(key: DocumentKey, overrides: Partial<PutDocument> = {}): PutDocument {
  const command = {
    key,
    version: 1,
    title: `Title of ${key.id}`,
    url: null,
    contentType: "text/plain" as const,
    quality: noQuality,
    body: `Text of ${key.id}.`,
    access: grantTo("everyone"),
    mayShare: true,
    ...overrides,
  };
  const content = contentHash(command, command.body);
  return { contentHash: content, requestHash: requestHash(content, accessHash(command.access)), ...command };
}

/** Labels that documents of these tests carry. */
const testLabels: readonly string[] = ["confidential", "personal-data", "secret", "l"];

/** What a caller with these tokens (and `everyone`) may read in the given sources of a tenant. */
export function visibleTo(
  tokens: readonly AccessToken[],
  {
    tenant = "halden",
    sources = ["wiki", "handbook"],
    deniedLabels = [] as readonly string[],
    knownLabels = testLabels,
  } = {},
): VisibilityFilter {
  const [first, ...rest] = sources;
  if (first === undefined) return { kind: "nothing" };
  return {
    kind: "some",
    tenant,
    sources: [first, ...rest],
    deniedLabels,
    knownLabels,
    tokens: ["everyone", ...tokens],
  };
}

/** A search filter over visible documents without quality gates. */
export function searchOf(visibility: VisibilityFilter, overrides: Partial<SearchFilter> = {}): SearchFilter {
  return { visibility, eligible: null, conditions: {}, ...overrides };
}

const openSource = {
  tier: "team",
  minimumTier: "team",
  reviewStates: null,
  maxAgeDays: null,
  requireOwner: false,
  frontMatter: [],
};

/** A trust policy with two sources whose gates are off, but for what each document says of itself. */
export const plainTrust: TrustPolicy = {
  tiers: ["reference", "team", "unverified"],
  sources: new Map([
    ["wiki", openSource],
    ["handbook", { ...openSource, tier: "reference" }],
  ]),
  models: new Map(),
};
