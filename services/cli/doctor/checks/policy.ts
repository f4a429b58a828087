import { checkPolicyFolder, type LoadResult } from "#adapters/policy-casbin/load.ts";
import { formatProblem } from "#adapters/policy-casbin/problem.ts";
import { policyRevision } from "#core/access/policy-agreement.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { type Context, type LedgerFacts, many } from "../context.ts";
import { derived, failed, type Handle, ok, skipped, warning } from "../examination.ts";

type Loaded = NonNullable<LoadResult["loaded"]>;

const seeAll = "npx reticent policy check tells every mistake with its file and line";

/** `policy-folder`, `policy-tests`, `policy-labels`. @returns the policy that would be in force */
export function checkPolicy({ examination, config: { policyDir } }: Context): Handle<PolicySnapshot> {
  const folder = examination.check<LoadResult>({
    name: "policy-folder",
    advice: seeAll,
    look: async () => {
      const result = await checkPolicyFolder(policyDir);
      const { counts, problems, tests } = result;
      // The files are in order when it came to asking the tests.
      if (result.loaded === undefined && tests.failed === 0) {
        const first = problems[0] === undefined ? "" : `: ${formatProblem(problems[0], policyDir)}`;
        const rest = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
        return failed(`${policyDir} cannot be used${first}${rest}`, seeAll);
      }
      const sizes = [
        many(counts.rules, "rule"),
        many(counts.memberships, "membership"),
        many(counts.labels, "label"),
        many(counts.sources, "source"),
        many(counts.models, "model"),
      ];
      return ok(`${policyDir}: ${sizes.join(", ")}`, result);
    },
  });
  const loaded = examination.check<Loaded, [typeof folder]>({
    name: "policy-tests",
    needs: [folder],
    advice: seeAll,
    look: (result) => {
      if (result.loaded === undefined) {
        const [first] = result.problems;
        const where = first === undefined ? "" : `: ${formatProblem(first, policyDir)}`;
        return failed(`${result.tests.failed} of ${result.counts.tests} expectations fail${where}`, seeAll);
      }
      if (result.counts.tests > 0) return ok(`${result.tests.passed} of ${result.counts.tests} pass`, result.loaded);
      const advice = "write tests/*.yaml with callers, what they may read, and what they must not";
      return warning("there are none: nothing says what this policy must not allow", advice, result.loaded);
    },
  });
  examination.check({
    name: "policy-labels",
    needs: [loaded],
    advice: seeAll,
    look: ({ table }) => {
      const denied = new Set<string>(table.rules.filter(({ effect }) => effect === "deny").map(({ object }) => object));
      const idle = table.labels.filter((label) => !denied.has(`label:${label}`));
      if (idle.length === 0) return ok(`${many(table.labels.length, "label")} declared, each denied to somebody`);
      return warning(
        `no rule denies anybody ${idle.join(", ")}: documents with it are as open as without`,
        "add a deny rule to policy.csv, or take the label out of labels.yaml",
      );
    },
  });
  return derived(loaded, ({ snapshot }) => snapshot);
}

/** `policy-revision`: the folder's against the one that the deployment has agreed on. */
export function checkPolicyRevision(
  { examination }: Context,
  policy: Handle<PolicySnapshot>,
  ledger: Handle<LedgerFacts>,
): void {
  examination.check({
    name: "policy-revision",
    needs: [policy, ledger],
    advice: "look at how the folder is distributed to the processes",
    look: async (snapshot, { policy: agreement }) => {
      const mine = policyRevision({ lastGood: () => snapshot });
      if (agreement === undefined) return skipped(`${mine}; one process alone has nobody to agree with`);
      const { agreed } = agreement;
      if (agreed === null) return ok(`${mine}; no process has agreed on one yet`);
      if (agreed === mine) return ok(`${mine}, which all processes have agreed on`);
      const isSuperseded = await agreement.isSuperseded(mine);
      if (isSuperseded !== false) {
        const why = isSuperseded === null ? "another revision, perhaps" : "an older copy:";
        return failed(
          `this folder holds ${why} ${mine}, and ${agreed} is in force; a process on it answers 503 policy-outdated`,
          "bring the folder up to date; to go back to old rules, change a comment in them",
        );
      }
      return warning(
        `this folder holds ${mine}, which is newer than ${agreed}, the revision in force`,
        "it comes into force with the first process that reads this folder; if one runs on it, look at its log",
      );
    },
  });
}
