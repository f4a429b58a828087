/** Which revision of the policy folder a deployment of several processes is to use. */
export interface AgreedPolicy {
  /** `undefined` before the first process agreed on one. */
  readonly current: string | undefined;
  /** Whether the revision asked about was in force before and was replaced. */
  readonly isSuperseded: boolean;
}

/**
 * What all processes of a deployment read before they answer, so that none of them goes on under a policy that another one has seen replaced.
 * Absent where there is one process alone. Any failure is an AppError `ledger-unavailable`.
 */
export interface PolicyRevisions {
  /** What is agreed now, and how the revision of the asking process stands. */
  read(mine: string): Promise<AgreedPolicy>;
  /**
   * Makes `to` the revision in force if `from` still is; what it replaces counts as superseded from then on, and `to` does not.
   * @returns false when another one is in force
   */
  agree(from: string | undefined, to: string): Promise<boolean>;
}
