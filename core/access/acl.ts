import { z } from "zod";
import { labelPattern, limits } from "../limits.ts";
import { principalName } from "./principal.ts";

const nameSchema = z
  .string()
  .max(limits.principalChars)
  .transform((raw, context) => {
    const name = principalName(raw);
    if (name === undefined) {
      context.addIssue({
        code: "custom",
        message: "not a principal's name: empty, outer white space, a control character or an invisible one",
      });
      return z.NEVER;
    }
    return name;
  });

/** One line of a document's access list. `everyone` is every signed-in principal of the tenant and takes no value. */
export const aclEntrySchema = z.discriminatedUnion("type", [
  z.strictObject({ access_type: z.enum(["grant", "deny"]), type: z.literal("user"), value: nameSchema }),
  z.strictObject({ access_type: z.enum(["grant", "deny"]), type: z.literal("group"), value: nameSchema }),
  z.strictObject({ access_type: z.enum(["grant", "deny"]), type: z.literal("everyone") }),
]);
export type AclEntry = z.infer<typeof aclEntrySchema>;

/** A document's access list; `[]` = nobody. More than {@link limits.aclEntries} entries is refused, never truncated. */
export const aclSchema = z.array(aclEntrySchema).max(limits.aclEntries);
/** Labels of a document. Whether each is declared is checked against the policy in force, not here. */
export const labelsSchema = z.array(z.string().max(limits.labelChars).regex(labelPattern)).max(limits.labels);

/** What an access list names: `user:alice`, `group:finance` or `everyone`. */
export type AccessToken = `user:${string}` | `group:${string}` | "everyone";

/** A document's access in canonical form: sorted and free of duplicates, so that equal access is equal JSON. */
export interface Access {
  readonly grants: readonly AccessToken[];
  readonly denies: readonly AccessToken[];
  readonly labels: readonly string[];
}

/** Access that lets nobody in. */
export const nobody: Access = { grants: [], denies: [], labels: [] };

const tokenOf = (entry: AclEntry): AccessToken =>
  entry.type === "everyone" ? "everyone" : `${entry.type}:${entry.value}`;
const canonical = <T extends string>(values: readonly T[]): T[] => [...new Set(values)].toSorted();

/** Canonical form of an access list and labels as they came in. */
export function accessOf(acl: readonly AclEntry[], labels: readonly string[]): Access {
  return {
    grants: canonical(acl.filter((entry) => entry.access_type === "grant").map(tokenOf)),
    denies: canonical(acl.filter((entry) => entry.access_type === "deny").map(tokenOf)),
    labels: canonical(labels),
  };
}

/** The access list behind a canonical form, denies first. */
export function aclOf(access: Access): AclEntry[] {
  const entry = (access_type: "grant" | "deny", token: AccessToken): AclEntry => {
    if (token === "everyone") return { access_type, type: "everyone" };
    const colon = token.indexOf(":");
    return { access_type, type: token.slice(0, colon) === "user" ? "user" : "group", value: token.slice(colon + 1) };
  };
  return [
    ...access.denies.map((token) => entry("deny", token)),
    ...access.grants.map((token) => entry("grant", token)),
  ];
}

/** True when both say the same; canonical forms make this a plain comparison. */
export function sameAccess(a: Access, b: Access): boolean {
  return JSON.stringify([a.grants, a.denies, a.labels]) === JSON.stringify([b.grants, b.denies, b.labels]);
}
