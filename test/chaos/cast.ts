import { modelConf } from "#test/kit/policy-folder.ts";
import type { Reader } from "./model/access.ts";

/** Tenants of the test. Both have the same sources and may have documents of the same names. */
export const tenants = ["one", "two"] as const;
/** Sources of every tenant; `vault` is for staff alone. */
export const sources = ["wiki", "desk", "vault"] as const;
/** Labels of the policy. */
export const labels = ["secret", "personal", "draft"] as const;
/** Groups that access lists name. */
export const groups = ["a", "b", "c", "d", "e", "f"] as const;

const staff = { sources: ["wiki", "desk", "vault"], deniedLabels: [] };
const outside = { sources: ["wiki", "desk"], deniedLabels: ["secret"] };
const interns = { sources: ["wiki", "desk"], deniedLabels: ["draft"] };

/** Who asks. Sources and labels say by hand what {@link policyFiles} lets each of them do. */
export const readers: readonly Reader[] = [
  { name: "ada", tenant: "one", user: "ada", groups: ["staff", "a", "b"], ...staff },
  { name: "ben", tenant: "one", user: "ben", groups: ["outside", "b", "c"], ...outside },
  { name: "cem", tenant: "one", user: "cem", groups: ["interns", "c", "d"], ...interns },
  { name: "dia", tenant: "one", user: "dia", groups: ["staff", "d", "e"], ...staff },
  {
    name: "dia's bot",
    tenant: "one",
    user: "dia",
    groups: ["staff", "d", "e"],
    agent: "bot",
    sources: ["wiki", "desk"],
    deniedLabels: ["personal"],
  },
  { name: "eve", tenant: "one", user: "eve", groups: ["staff", "a", "e"], ...staff },
  { name: "fay", tenant: "one", user: "fay", groups: ["outside", "e", "f"], ...outside },
  { name: "gil", tenant: "two", user: "gil", groups: ["staff", "a", "c"], ...staff },
  { name: "hoa", tenant: "two", user: "hoa", groups: ["interns", "b", "e"], ...interns },
];

/** Principals that are disabled and enabled again. */
export const switched: readonly { readonly tenant: string; readonly principal: string }[] = [
  { tenant: "one", principal: "user:eve" },
  { tenant: "one", principal: "agent:bot" },
  { tenant: "two", principal: "user:hoa" },
];

const rulesOf = (tenant: string): string => `p, role:reader, ${tenant}, source:wiki, read, allow
p, role:reader, ${tenant}, source:desk, read, allow
p, group:staff, ${tenant}, source:vault, read, allow
g, group:staff, role:reader, ${tenant}
g, group:outside, role:reader, ${tenant}
g, group:interns, role:reader, ${tenant}
p, group:outside, ${tenant}, label:secret, read, deny
p, group:interns, ${tenant}, label:draft, read, deny
p, agent:bot, ${tenant}, source:wiki, read, allow
p, agent:bot, ${tenant}, source:desk, read, allow
p, agent:bot, ${tenant}, label:personal, read, deny
p, agent:bot, ${tenant}, group:staff, act, allow
${sources
  .flatMap((source) =>
    ["write", "share"].map((action) => `p, group:writers, ${tenant}, source:${source}, ${action}, allow`),
  )
  .join("\n")}
p, group:writers, ${tenant}, tenant, admin, allow
p, group:writers, ${tenant}, tenant, explain, allow
p, group:explainers, ${tenant}, tenant, explain, allow
p, agent:bot, ${tenant}, tenant, explain, allow
`;

/** The policy folder of the test. */
export const policyFiles: Readonly<Record<string, string>> = {
  "model.conf": modelConf,
  "policy.csv": tenants.map(rulesOf).join(""),
  "labels.yaml": `labels:\n${labels.map((label) => `  ${label}: of the test\n`).join("")}`,
  "trust.yaml": `tiers: [team]
defaults: { minimum_tier: team, review_states: off, max_age_days: off, require_owner: false, front_matter: [] }
sources:
${sources.map((source) => `  ${source}: { tier: team }\n`).join("")}models:
  local/hashed-384-v1: { floor: 0, threshold: 0.3, origin: chosen for the test }
`,
  "tests/chaos.yaml": `tests:
  - name: staff read the vault, others do not
    caller: { tenant: one, user: ada, groups: [staff] }
    may_read: [wiki, desk, vault]
`,
};
