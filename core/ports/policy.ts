import type { Caller, Principal } from "../access/principal.ts";
import type { VisibilityFilter } from "../access/visible.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";

/** What a caller may ask to do. `read` is compiled into a filter and never asked per document. */
export type Action = "read" | "write" | "share" | "explain" | "admin" | "act";

/** What a rule speaks about. */
export type PolicyObject = `source:${string}` | `label:${string}` | `group:${string}` | "tenant";

/** One revision of the policy folder, immutable: all answers of one request come from one snapshot. */
export interface PolicySnapshot {
  /** Hash over model.conf, policy.csv and labels.yaml. */
  readonly revision: string;
  /** Hash over trust.yaml. */
  readonly trustRevision: string;
  /** Declared labels. */
  readonly labels: ReadonlySet<string>;
  readonly trust: TrustPolicy;
  /** The caller's whole principal set: user, token groups, and what the role graph adds; sorted. */
  principals(caller: Caller): readonly Principal[];
  /**
   * What the caller may read, agents in between included.
   * @throws AppError `agent-not-allowed` when an actor may not act for the user.
   */
  visibility(caller: Caller): VisibilityFilter;
  /** Whether the caller, and every actor in between, may do something. Deny overrides, default deny. */
  may(caller: Caller, action: Exclude<Action, "read" | "act">, object: PolicyObject): boolean;
}

/** One mistake in the policy folder. */
export interface PolicyProblem {
  readonly file: string;
  /** 1-based; 0 when the file as a whole is meant. */
  readonly line: number;
  /** Stable, e.g. `unknown-effect`. */
  readonly code: string;
  readonly message: string;
}

/** What is in force, and whether a newer edit was rejected. */
export interface PolicyStatus {
  readonly revision: string;
  readonly trustRevision: string;
  readonly loadedAt: string;
  /** Expectations in the policy's own tests; 0 = nothing but its syntax was checked. */
  readonly tests: number;
  /** A rejected edit that waits for repair. */
  readonly rejected?: { readonly since: string; readonly problems: readonly PolicyProblem[] };
}

/** The access and trust policy in force. */
export interface Policy {
  /**
   * The last good revision.
   * @throws AppError `policy-unavailable` once a rejected edit is older than the configured age: it may have been meant to revoke.
   */
  current(): PolicySnapshot;
  /**
   * The last good revision, however old a rejected edit is. Only for what cannot open anything: telling an administrator what is wrong, and
   * taking access away. Otherwise the same broken edit would stop every revoke.
   */
  lastGood(): PolicySnapshot;
  status(): PolicyStatus;
  close(): Promise<void>;
}
