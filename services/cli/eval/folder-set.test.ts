import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { run } from "./eval.ts";
import { readFolderSet } from "./folder-set.ts";
import { temporaryFolder } from "./testing/tiny-set.ts";

const gwen = { tenant: "one", user: "gwen", groups: ["guests"] };
const stan = { tenant: "one", user: "stan", groups: ["staff"] };
const bot = { ...stan, agents: ["bot"] };
const tess = { tenant: "two", user: "tess", groups: ["staff"] };
const query = (id: string, caller: object, relevant: readonly string[] = []) => ({
  id,
  text: id,
  caller,
  answerable: relevant.length > 0,
  relevant,
  kind: "k",
  split: "test",
});

/** Two tenants, access lists, a label and a source that only some may read. */
function setOf(queries: readonly object[], extra: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder();
  const policies = policyFolder();
  onTestFinished(() => policies.remove());
  const everyone = "acl:\n  - { access_type: grant, type: everyone }\n";
  const files: Record<string, string> = {
    "set.yaml": `corpus: corpus\npolicies: ${JSON.stringify(policies.dir)}\n`,
    "queries.jsonl": queries.map((one) => `${JSON.stringify(one)}\n`).join(""),
    "corpus/one/open/_reticent.yaml": everyone,
    "corpus/one/open/a.md": "# A\n\nAlpha.\n",
    "corpus/one/open/secret.md": "---\nlabels: [secret]\n---\n\n# S\n\nSigma.\n",
    "corpus/one/open/personal.md": "---\nlabels: [personal]\n---\n\n# P\n\nPi.\n",
    "corpus/one/open/denied.md":
      "---\nacl:\n  - { access_type: deny, type: user, value: stan }\n---\n\n# D\n\nDelta.\n",
    "corpus/one/closed/_reticent.yaml": everyone,
    "corpus/one/closed/c.md": "# C\n\nGamma.\n",
    "corpus/two/open/_reticent.yaml": everyone,
    "corpus/two/open/a.md": "# A\n\nAnother alpha.\n",
    ...extra,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test("the oracle of a folder knows tenants, sources, labels, denies and agents", async () => {
  const folder = setOf([query("q1", gwen, ["open/a.md"]), query("q2", stan), query("q3", bot), query("q4", tess)]);
  const { set, mapping } = await readFolderSet(folder, undefined);
  const visible = Object.fromEntries(mapping.users.map((user) => [user.id, [...user.visible].toSorted()]));
  expect(visible).toEqual({
    "one/gwen": ["one/open/a.md", "one/open/denied.md", "one/open/personal.md"],
    "one/stan": ["one/closed/c.md", "one/open/a.md", "one/open/personal.md", "one/open/secret.md"],
    "one/stan via bot": ["one/open/a.md", "one/open/secret.md"],
    "two/tess": ["two/open/a.md"],
  });
  expect(set.queries[0]?.relevant).toEqual(["one/open/a.md"]);
  expect(set.documents).toHaveLength(6);
});

test("two callers of the same name are told apart by their groups", async () => {
  const folder = setOf([query("q1", gwen), query("q2", { ...gwen, groups: ["staff", "guests"] })]);
  const { mapping } = await readFolderSet(folder, undefined);
  expect(mapping.users.map(({ id }) => id)).toEqual(["one/gwen", "one/gwen (guests, staff)"]);
});

test("what is not in the layout is refused with one line that says where", async () => {
  const refusals: [string, RegExp][] = [
    [setOf([query("q1", gwen, ["open/b.md"])]), /query "q1": there is no document "open\/b.md" in one/],
    [setOf([query("q1", gwen, ["open/secret.md"])]), /the caller may not read "one\/open\/secret.md"/],
    [setOf([{ ...query("q1", gwen), caller: undefined }]), /query "q1" does not say who asks/],
    [setOf([{ ...query("q1", gwen), answerable: true }]), /answerable means/],
    [setOf([query("q1", gwen)], { "corpus/one/attic/x.md": "# X\n" }), /declares no source "attic"/],
    [setOf([query("q1", gwen)], { "corpus/one/plain/x.md": "# X\n\nNo list.\n" }), /no access list/],
    [setOf([query("q1", gwen)], { "set.yaml": "corpus: nowhere\n" }), /not a set.yaml/],
    [setOf([query("q1", gwen)], { "queries.jsonl": `${JSON.stringify({ id: "q" })}\n` }), /queries.jsonl:1/],
  ];
  for (const [folder, message] of refusals) await expect(readFolderSet(folder, undefined)).rejects.toThrow(message);
});

test("text that must never come out fails the run wherever it does, and so does another reason than the expected one", async () => {
  const folder = setOf([
    { ...query("what is alpha", gwen, ["open/a.md"]), never: "Gamma" },
    { ...query("what is gamma", stan, ["closed/c.md"]), expect: { outcome: "abstained", reason: "stale" } },
  ]);
  let stderr = "";
  const code = await run([folder, "--json", "--embedder", "hashed"], {
    stdout: { write: () => undefined },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/hidden documents seen: \d/);
  expect(stderr).toMatch(
    /not as expected: what is gamma \(one\/stan\): answered, one\/closed\/c.md first, instead of abstained, stale/,
  );
});
