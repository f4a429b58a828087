import type { Access, AccessToken } from "./acl.ts";

/**
 * What a caller may read, compiled from the policy once per policy revision and principal set. Its size is bounded by the
 * policy and the token, never by the number of documents. `nothing` is a value of its own: it must never reach a store as an
 * empty condition, which some read as "everything".
 */
export type VisibilityFilter =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "some";
      readonly tenant: string;
      /** Sources that the policy lets the user, and every agent that acts for the user, read. */
      readonly sources: readonly [string, ...string[]];
      /** Labels that the policy denies to any of the caller's principals, or to any agent that acts for the caller. */
      readonly deniedLabels: readonly string[];
      /**
       * Labels that the policy folder declares. A document with any other label is hidden: the word was taken out of the vocabulary, or
       * renamed, and with it whatever kept people out.
       */
      readonly knownLabels: readonly string[];
      /** The caller as access lists name it: the user, all groups, and `everyone`. */
      readonly tokens: readonly [AccessToken, ...AccessToken[]];
    };

/** The filter that selects something. */
export type SomeVisibility = Extract<VisibilityFilter, { kind: "some" }>;

/** What visibility looks at in a document. */
export interface AccessSubject {
  readonly tenant: string;
  readonly source: string;
  readonly access: Access;
}

/** One condition of visibility. All of them must hold. */
export type VisibilityCheck = (document: AccessSubject, filter: SomeVisibility, tokens: ReadonlySet<string>) => boolean;

/**
 * The conditions under which a document is visible, by name. Both the pre-filter and the re-check evaluate exactly this list.
 */
export const visibilityChecks = {
  /** A document belongs to one tenant and is seen by no other. */
  tenant: (document, filter) => document.tenant === filter.tenant,
  /** The policy lets the caller (and every agent in between) read the source. */
  source: (document, filter) => filter.sources.includes(document.source),
  /** Every label of the document is declared, and none is denied to the caller. */
  label: (document, filter) =>
    document.access.labels.every((label) => filter.knownLabels.includes(label) && !filter.deniedLabels.includes(label)),
  /** Deny wins, whatever else is granted. */
  deny: (document, _filter, tokens) => !document.access.denies.some((token) => tokens.has(token)),
  /** Default deny: without a matching grant there is no access. */
  grant: (document, _filter, tokens) => document.access.grants.some((token) => tokens.has(token)),
} satisfies Record<string, VisibilityCheck>;

/** Decides whether a document is visible under a filter. */
export type IsVisible = (document: AccessSubject, filter: VisibilityFilter) => boolean;

/**
 * Builds the decision from a list of conditions. Production builds it once, from {@link visibilityChecks}, as
 * {@link isVisible}; tests leave a condition out to prove that it matters.
 */
export function makeIsVisible(checks: readonly VisibilityCheck[]): IsVisible {
  return (document, filter) => {
    if (filter.kind === "nothing") return false;
    const tokens = tokenSet(filter);
    return checks.every((check) => check(document, filter, tokens));
  };
}

// A filter is compiled once and asked for thousands of documents; its set of tokens is built once with it.
const tokenSets = new WeakMap<SomeVisibility, ReadonlySet<string>>();
function tokenSet(filter: SomeVisibility): ReadonlySet<string> {
  let set = tokenSets.get(filter);
  if (set === undefined) {
    set = new Set<string>(filter.tokens);
    tokenSets.set(filter, set);
  }
  return set;
}

/** The one visibility decision of the service. */
export const isVisible: IsVisible = makeIsVisible(Object.values(visibilityChecks));
