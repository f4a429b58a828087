import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The project's own access model: the only one that the compiler accepts. */
export const modelConf = readFileSync(new URL("../../policies/model.conf", import.meta.url), "utf8");

/**
 * A small policy for tests: tenants `one` and `two`; sources `open`, `closed` (staff only) and `plain` (all gates off); group `staff`
 * reads everything, group `guests` reads `open` and `plain` without label `secret`; agent `bot` acts for `staff` and reads `open` and `plain`.
 */
export const testPolicy: Readonly<Record<string, string>> = {
  "model.conf": modelConf,
  "policy.csv": `p, role:reader, one, source:open, read, allow
p, role:reader, one, source:plain, read, allow
p, role:staff, one, source:closed, read, allow
p, group:guests, one, label:secret, read, deny
p, agent:bot, one, source:open, read, allow
p, agent:bot, one, source:plain, read, allow
p, agent:bot, one, label:personal, read, deny
p, agent:bot, one, group:staff, act, allow
p, role:reader, two, source:open, read, allow
p, role:reader, two, source:plain, read, allow
p, role:writer, one, source:open, write, allow
p, role:writer, one, source:open, share, allow
p, role:writer, one, source:plain, write, allow
p, role:writer, one, source:plain, share, allow
p, role:writer, one, tenant, admin, allow
p, role:explainer, one, tenant, explain, allow
g, group:staff, role:reader, one
g, group:staff, role:staff, one
g, group:guests, role:reader, one
g, group:staff, role:reader, two
g, group:writers, role:writer, one
g, group:explainers, role:explainer, one
`,
  "labels.yaml": "labels:\n  secret: not for guests\n  personal: not for agents\n",
  "trust.yaml": `tiers: [reference, team, unverified]
defaults:
  minimum_tier: team
  review_states: [approved]
  max_age_days: off
  require_owner: false
  front_matter: []
sources:
  open: { tier: reference, review_states: off }
  closed: { tier: reference, review_states: off }
  plain: { tier: team, review_states: off }
models:
  local/hashed-384-v1: { floor: 0.02, threshold: 0.2, origin: chosen for tests }
  local/all-minilm-l6-v2-int8: { floor: 0.02, threshold: 0.2, origin: chosen for tests }
`,
};

/** Writes a policy folder into a temporary directory. */
export function policyFolder(files: Readonly<Record<string, string>> = testPolicy): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "reticent-policy-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
