import type { IssuerConfig } from "#adapters/identity-jose/issuers.ts";

/** Everything that a running service needs to know. Only main files and the command line read the environment to make one. */
export interface ServiceConfig {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly policyDir: string;
  /** Empty = the embedded issuer alone, whose key lies in the data directory. */
  readonly issuers: readonly IssuerConfig[];
  readonly audience: string;
  readonly rateLimitPerMinute: number;
  /** Longest time that one request may take, ms. */
  readonly deadlineMs: number;
  /** How long a replaced generation stays readable, ms; longer than the longest request. */
  readonly graceMs: number;
  /** Interval of the reconciler, ms. */
  readonly sweepMs: number;
  /** Interval at which the policy folder is looked at, ms. */
  readonly policyPollMs: number;
  /** A rejected policy edit older than this turns answers into 503, ms. */
  readonly rejectedPolicyMaxAgeMs: number;
  readonly traceRetention: { readonly maxAgeMs: number; readonly maxCount: number };
  readonly logLevel: "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";
}
