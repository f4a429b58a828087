import type { PublishedCalibrations } from "../calibration/published.ts";

/** The quality gates of one source, defaults filled in. */
export interface SourceTrust {
  /** The source's own authority tier: the highest that its documents can have. */
  readonly tier: string;
  /** The lowest tier that is trusted; a document below it is `untrusted`. */
  readonly minimumTier: string;
  /** Accepted review states; `null` = the gate is off. A document without a state fails an active gate. */
  readonly reviewStates: readonly string[] | null;
  /** Days since `updated_at`; `null` = the gate is off. A document without a date fails an active gate. */
  readonly maxAgeDays: number | null;
  readonly requireOwner: boolean;
  /** What front matter in a synced file may claim: anything else in it about rank or rights does not count. */
  readonly frontMatter: readonly FrontMatterClaim[];
}

/** Claims of rank or rights that a file can make about itself. */
export const frontMatterClaims = ["grants", "authority", "review_state"] as const;
export type FrontMatterClaim = (typeof frontMatterClaims)[number];

/** What an embedding model needs to be used: a floor of its own, and a threshold for its confidence. */
export interface ModelTrust {
  /** Lowest raw cosine of a passage that may be returned, −1 … 1. */
  readonly floor: number;
  /** Lowest confidence at which the service answers, 0 … 1. */
  readonly threshold: number;
  /** Where the two numbers come from, for a reader. */
  readonly origin: string;
  /** The published constants that turn features into a confidence; without any, the confidence is a documented score. */
  readonly calibrations: PublishedCalibrations;
}

/** trust.yaml, validated. */
export interface TrustPolicy {
  /** Authority tiers, highest first. */
  readonly tiers: readonly string[];
  /** Declared sources. A document of any other source is refused at ingest and untrusted at search. */
  readonly sources: ReadonlyMap<string, SourceTrust>;
  /** By model name, e.g. `local/hashed-384-v1`. */
  readonly models: ReadonlyMap<string, ModelTrust>;
}
