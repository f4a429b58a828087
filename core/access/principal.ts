import { limits } from "../limits.ts";

/** Kinds of principal. `role` exists only inside the policy: no token and no access list can name one. */
export type PrincipalKind = "user" | "group" | "agent" | "role";

/** A typed, tenant-scoped, opaque name such as `user:alice` or `group:finance`. Case is kept; the name is NFC. */
export type Principal = `${PrincipalKind}:${string}`;

/**
 * Who is asking, from a verified token. Nothing of a request's body or query string ever gets here.
 * `groups` holds what the token says; roles and nested groups are added by the policy.
 */
export interface Caller {
  readonly tenant: string;
  readonly user: `user:${string}`;
  readonly groups: readonly `group:${string}`[];
  /** Agents that act for the user, the current one first; empty when the user asks in person. At most {@link limits.actors}. */
  readonly actors: readonly `agent:${string}`[];
}

// Control characters and separators of the policy files would let a name pose as another in a log, a policy or a key. A character that
// nobody sees would make a deny entry that looks right and denies nobody. The joiners
// U+200C and U+200D are letters of some scripts, U+FE0E and U+FE0F belong to emoji.
const control = /[\p{Cc}\p{Cs}\u2028\u2029]/u;
const unseen = /(?!\u200c|\u200d|\ufe0e|\ufe0f)(?:\p{Cf}|\p{Variation_Selector}|\u034f|\u115f|\u1160|\u3164|\uffa0)/u;

/**
 * NFC-normalises a principal's name.
 * @returns the name, or `undefined` when it is empty, too long ({@link limits.principalChars}), has outer white space, a
 * control character or one that nobody sees.
 */
export function principalName(raw: string): string | undefined {
  const name = raw.normalize("NFC");
  if (name.length === 0 || name.length > limits.principalChars) return undefined;
  if (name !== name.trim() || control.test(name) || unseen.test(name)) return undefined;
  return name;
}

/**
 * Parses `kind:name` for the given kinds.
 * @returns the normalised principal, or `undefined` when kind or name is not acceptable.
 */
export function parsePrincipal(raw: string, kinds: readonly PrincipalKind[]): Principal | undefined {
  const colon = raw.indexOf(":");
  const kind = kinds.find((candidate) => candidate === raw.slice(0, colon));
  const name = principalName(raw.slice(colon + 1));
  return colon < 0 || kind === undefined || name === undefined ? undefined : `${kind}:${name}`;
}
