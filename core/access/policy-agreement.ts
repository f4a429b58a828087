import { AppError } from "../errors.ts";
import type { Policy } from "../ports/policy.ts";
import type { PolicyRevisions } from "../ports/policy-revisions.ts";

/** What {@link makePolicyAgreement} works on. */
export interface PolicyAgreementOptions {
  readonly revisions: PolicyRevisions;
  readonly policy: Pick<Policy, "lastGood"> & {
    /** Looks at the folder now. */
    poll(): Promise<void>;
  };
}

/** Keeps the processes of a deployment under one policy. */
export interface PolicyAgreement {
  /**
   * Resolves when this process answers under the revision that the deployment has agreed on. A revision that this process is the first to see is
   * agreed on here: from then on no process answers under the one before, so an edit that revokes holds everywhere at once.
   * @throws AppError `policy-outdated` when the folder of this process does not hold that revision, `ledger-unavailable`
   */
  confirm(): Promise<void>;
}

/** Lost races for the compare-and-set after which the next request is to try. */
const attempts = 4;

/**
 * The rule that tells a newer folder from an older copy of it: what a process sees its folder change to from the agreed revision is new, also if it
 * was in force before (somebody went back). A process that missed the agreed one cannot tell, and waits until its folder has it, or until one that
 * had it agrees on another. At a start there is nothing that it saw: a revision that was never in force is new, and one that was in force and was
 * replaced is an old copy, which has to be changed, if only in a comment, to come into force again.
 */
export function makePolicyAgreement({ revisions, policy }: PolicyAgreementOptions): PolicyAgreement {
  /** The agreed revision that this process was last in step with. */
  let inStep: string | undefined;
  return {
    async confirm() {
      for (let attempt = 0; attempt < attempts; attempt++) {
        // Read before the folder's: what is agreed after this is after the start of the request.
        let mine = policyRevision(policy);
        let { current, isSuperseded } = await revisions.read(mine);
        if (current !== mine && current !== inStep) {
          // Another process saw more than this one did at its last look.
          await policy.poll();
          mine = policyRevision(policy);
          ({ current, isSuperseded } = await revisions.read(mine));
        }
        if (current === mine) {
          inStep = mine;
          return;
        }
        const sawIt = current !== undefined && current === inStep;
        if (isSuperseded && !sawIt)
          throw outdated("the policy folder of this process holds a revision that was replaced");
        // What came into its folder since may as well be from before: an edit that another process skipped.
        if (inStep !== undefined && current !== undefined && !sawIt) {
          throw outdated("other processes use a revision of the policy folder that this one has not had");
        }
        if (await revisions.agree(current, mine)) {
          inStep = mine;
          return;
        }
      }
      throw outdated("the policy keeps changing");
    },
  };
}

const outdated = (detail: string): AppError => new AppError("policy-outdated", { detail, retryAfterS: 1 });

/** One name for everything in the folder that decides an answer: access and trust. */
export function policyRevision(policy: Pick<Policy, "lastGood">): string {
  const { revision, trustRevision } = policy.lastGood();
  return `${revision}-${trustRevision}`;
}
