import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkPolicyFolder, type LoadResult } from "#adapters/policy-casbin/load.ts";

/** The files of a small valid policy folder. */
export const smallPolicy: Readonly<Record<string, string>> = {
  "model.conf": await readFile(new URL("../../policies/model.conf", import.meta.url), "utf8"),
  "policy.csv": [
    "# who may do what",
    "g, group:staff, role:reader, acme",
    "p, role:reader, acme, source:wiki, read, allow",
    "p, group:guests, acme, label:secret, read, deny",
    "",
  ].join("\n"),
  "labels.yaml": "labels:\n  secret: Not for guests\ntenants:\n  acme: The only one\n",
  "trust.yaml": [
    "tiers: [reference, team]",
    "defaults: { minimum_tier: team, review_states: off, max_age_days: off, require_owner: false }",
    "sources:",
    "  wiki: { tier: team }",
    "models:",
    "  test/model: { floor: 0.1, threshold: 0.5, origin: invented for a test }",
    "",
  ].join("\n"),
  "tests/acme.yaml": [
    "tests:",
    "  - name: guests are kept out of secrets",
    "    caller: { tenant: acme, user: gus, groups: [staff, guests] }",
    "    may_read: [wiki]",
    "    may_not_read:",
    "      - { source: wiki, labels: [secret] }",
    "",
  ].join("\n"),
};

/** A policy folder on disk that a test may edit. */
export interface PolicyFolder {
  readonly dir: string;
  write(file: string, content: string | Uint8Array): Promise<void>;
  /** Removes a file, or the whole folder without one. */
  remove(file?: string): Promise<void>;
}

/** Writes {@link smallPolicy}, with changes, into a new temporary folder. `remove()` cleans it up. */
export async function policyFolder(changes: Readonly<Record<string, string | Uint8Array>> = {}): Promise<PolicyFolder> {
  const dir = await mkdtemp(join(tmpdir(), "reticent-policy-"));
  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), content);
  };
  for (const [file, content] of Object.entries({ ...smallPolicy, ...changes })) await write(file, content);
  return {
    dir,
    write,
    remove: (file) => rm(file === undefined ? dir : join(dir, file), { recursive: true, force: true }),
  };
}

/** Judges {@link smallPolicy} with changes. */
export async function check(changes: Readonly<Record<string, string | Uint8Array>>): Promise<LoadResult> {
  const folder = await policyFolder(changes);
  try {
    return await checkPolicyFolder(folder.dir);
  } finally {
    await folder.remove();
  }
}

/** `file:line code` of every problem. */
export async function mistakes(changes: Readonly<Record<string, string | Uint8Array>>): Promise<readonly string[]> {
  return (await check(changes)).problems.map(({ file, line, code }) => `${file}:${line} ${code}`);
}
