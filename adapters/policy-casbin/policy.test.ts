import { expect, onTestFinished, test } from "vitest";
import type { Caller } from "#core/access/principal.ts";
import { isVisible } from "#core/access/visible.ts";
import { AppError } from "#core/errors.ts";
import { type PolicyFolder, policyFolder, smallPolicy } from "#test/kit/small-policy.ts";
import { openPolicy, type PolicyEvent, type WatchedPolicy } from "./policy.ts";
import { PolicyFolderError } from "./problem.ts";

const hourMs = 60 * 60 * 1000;
const staff: Caller = { tenant: "acme", user: "user:ann", groups: ["group:staff"], actors: [] };
const page = {
  tenant: "acme",
  source: "wiki",
  access: { grants: ["everyone" as const], denies: [], labels: [] },
};
const base = smallPolicy["policy.csv"] ?? "";
const revoking = base.replace("source:wiki, read, allow", "source:wiki, read, deny");
/** The same revoke, with a mistake that makes it unusable. */
const broken = revoking.replace("read, deny", "read, dney");

interface Opened {
  readonly folder: PolicyFolder;
  readonly policy: WatchedPolicy;
  readonly events: PolicyEvent[];
  readonly advance: (ms: number) => void;
}

/** A policy that is looked at only when the test says so, on a clock that stands still. */
async function open(settle?: (folder: PolicyFolder) => Promise<void>): Promise<Opened> {
  // Without its own test the folder may also revoke everything.
  const folder = await policyFolder({ "tests/acme.yaml": "tests: []\n" });
  let now = Date.parse("2026-01-01T00:00:00.000Z");
  const events: PolicyEvent[] = [];
  const policy = await openPolicy({
    dir: folder.dir,
    pollMs: 0,
    settleMs: 0,
    rejectedMaxAgeMs: 24 * hourMs,
    clock: () => now,
    onEvent: (event) => events.push(event),
    ...(settle === undefined ? {} : { settle: () => settle(folder) }),
  });
  onTestFinished(async () => {
    await policy.close();
    await folder.remove();
  });
  return { folder, policy, events, advance: (ms) => (now += ms) };
}

const reads = (policy: WatchedPolicy): boolean => isVisible(page, policy.current().visibility(staff));
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.code : "not an AppError";
  }
};

test("a folder that is broken at the start is an error that carries every problem", async () => {
  const folder = await policyFolder({ "policy.csv": broken });
  const opening = openPolicy({ dir: folder.dir, pollMs: 0, settleMs: 0, rejectedMaxAgeMs: hourMs, clock: Date.now });
  const error: unknown = await opening.catch((reason: unknown) => reason);
  await folder.remove();
  expect(error).toBeInstanceOf(PolicyFolderError);
  expect(error).toMatchObject({ problems: [{ file: "policy.csv", line: 3, code: "unknown-effect" }] });
  expect(String(error)).toContain("policy.csv:3: unknown-effect");
});

test("an edit takes effect as a whole, and an older snapshot keeps answering as it did", async () => {
  const { folder, policy, events } = await open();
  const before = policy.current();
  expect(reads(policy)).toBe(true);
  await folder.write("policy.csv", revoking);
  expect(reads(policy)).toBe(true);
  await policy.poll();
  expect(reads(policy)).toBe(false);
  expect(isVisible(page, before.visibility(staff))).toBe(true);
  expect(policy.current().revision).not.toBe(before.revision);
  expect(policy.current().trustRevision).toBe(before.trustRevision);
  expect(events.map(({ kind }) => kind)).toEqual(["loaded", "loaded"]);
});

test("a broken edit changes nothing and is told with file and line; the repaired file takes over", async () => {
  const { folder, policy, events } = await open();
  const before = policy.current();
  await folder.write("policy.csv", broken);
  await policy.poll();
  await policy.poll();
  expect(policy.current()).toBe(before);
  expect(policy.status()).toMatchObject({
    revision: before.revision,
    rejected: {
      since: "2026-01-01T00:00:00.000Z",
      problems: [{ file: "policy.csv", line: 3, code: "unknown-effect" }],
    },
  });
  // Told once, however often the folder is looked at.
  expect(events.map(({ kind }) => kind)).toEqual(["loaded", "rejected"]);

  await folder.write("policy.csv", revoking);
  await policy.poll();
  expect(policy.status().rejected).toBeUndefined();
  expect(reads(policy)).toBe(false);
});

test("going back to the revision in force also ends a rejection", async () => {
  const { folder, policy, events } = await open();
  await folder.write("policy.csv", broken);
  await policy.poll();
  await folder.write("policy.csv", base);
  await policy.poll();
  expect(policy.status().rejected).toBeUndefined();
  expect(events.map(({ kind }) => kind)).toEqual(["loaded", "rejected", "loaded"]);
});

test("an edit whose own tests fail is rejected", async () => {
  const { folder, policy } = await open();
  await folder.write("tests/acme.yaml", smallPolicy["tests/acme.yaml"] ?? "");
  await policy.poll();
  await folder.write(
    "policy.csv",
    base.replace("group:guests, acme, label:secret", "group:gusets, acme, label:secret"),
  );
  await policy.poll();
  expect(policy.status().rejected?.problems).toMatchObject([{ file: "tests/acme.yaml", line: 6, code: "test-failed" }]);
  expect(reads(policy)).toBe(true);
});

test("a rejected edit that waits too long makes the policy unavailable until it is repaired", async () => {
  const { folder, policy, advance } = await open();
  await folder.write("policy.csv", broken);
  await policy.poll();
  advance(24 * hourMs);
  expect(codeOf(() => policy.current())).toBeUndefined();
  advance(1);
  expect(codeOf(() => policy.current())).toBe("policy-unavailable");
  expect(policy.status().rejected).toBeDefined();
  await folder.write("policy.csv", base);
  await policy.poll();
  expect(reads(policy)).toBe(true);
});

test("a second broken edit does not start the time again, a clock that fails ends it", async () => {
  const { folder, policy, advance } = await open();
  await folder.write("policy.csv", broken);
  await policy.poll();
  advance(20 * hourMs);
  await folder.write("policy.csv", `${broken}nonsense\n`);
  await policy.poll();
  expect(policy.status().rejected?.problems).toHaveLength(2);
  advance(5 * hourMs);
  expect(codeOf(() => policy.current())).toBe("policy-unavailable");
  await folder.write("policy.csv", base);
  await policy.poll();
  await folder.write("policy.csv", broken);
  await policy.poll();
  advance(Number.NaN);
  expect(codeOf(() => policy.current())).toBe("policy-unavailable");
});

test("a file or a folder that disappears is a rejected edit", async () => {
  const { folder, policy } = await open();
  await folder.remove("labels.yaml");
  await policy.poll();
  expect(policy.status().rejected?.problems).toMatchObject([{ file: "labels.yaml", code: "missing-file" }]);
  await folder.remove();
  await policy.poll();
  expect(policy.status().rejected?.problems).toMatchObject([{ file: ".", code: "unreadable" }]);
  expect(reads(policy)).toBe(true);
});

test("an edit in a folder that never rests is told as rejected, and judged once the folder rests", async () => {
  let writes = 0;
  let restless = true;
  const { folder, policy, advance } = await open(async (changing) => {
    writes += 1;
    if (restless) await changing.write("tests/other.yaml", `# ${writes}\ntests: []\n`);
  });
  await folder.write("policy.csv", revoking);
  await policy.poll();
  expect(policy.status().rejected).toBeUndefined();
  advance(2_000);
  await policy.poll();
  expect(policy.status().rejected?.problems).toMatchObject([{ code: "unstable" }]);
  expect(reads(policy)).toBe(true);
  restless = false;
  await policy.poll();
  expect(policy.status().rejected).toBeUndefined();
  expect(reads(policy)).toBe(false);
});

test("an edit of trust.yaml or labels.yaml alone is followed, each with its own revision", async () => {
  const { folder, policy } = await open();
  const before = policy.current();
  await folder.write("trust.yaml", (smallPolicy["trust.yaml"] ?? "").replace("floor: 0.1", "floor: 0.2"));
  await policy.poll();
  expect(policy.current().trustRevision).not.toBe(before.trustRevision);
  expect(policy.current().revision).toBe(before.revision);
  expect(policy.current().trust.models.get("test/model")?.floor).toBe(0.2);
  await folder.write("labels.yaml", "labels:\n  secret: Not for guests\n  internal: Not for the public\n");
  await policy.poll();
  expect(policy.current().revision).not.toBe(before.revision);
  expect(policy.current().labels.has("internal")).toBe(true);
});

test("two looks at once judge the folder one after the other", async () => {
  const { folder, policy, events } = await open();
  await folder.write("policy.csv", broken);
  await Promise.all([policy.poll(), policy.poll(), policy.poll()]);
  expect(events.map(({ kind }) => kind)).toEqual(["loaded", "rejected"]);
});

test("the same principal set is compiled once per revision, whatever the order of its groups", async () => {
  const { policy } = await open();
  const snapshot = policy.current();
  const both: Caller = { ...staff, groups: ["group:staff", "group:guests"] };
  expect(snapshot.visibility(both)).toBe(snapshot.visibility({ ...both, groups: ["group:guests", "group:staff"] }));
  expect(snapshot.visibility(both)).not.toBe(snapshot.visibility(staff));
});

test("a snapshot that has served many callers still answers each of them right", async () => {
  const { policy } = await open();
  const snapshot = policy.current();
  const callers = Array.from({ length: 3_000 }, (_, at): Caller => ({ ...staff, user: `user:u${at}` }));
  for (const caller of [...callers, ...callers]) {
    expect(snapshot.visibility(caller)).toMatchObject({ tokens: ["everyone", "group:staff", caller.user] });
  }
});

test("the folder is followed without being asked", async () => {
  const folder = await policyFolder({ "tests/acme.yaml": "tests: []\n" });
  const rejected = Promise.withResolvers<PolicyEvent>();
  const policy = await openPolicy({
    dir: folder.dir,
    pollMs: 1,
    rejectedMaxAgeMs: hourMs,
    clock: Date.now,
    onEvent: (event) => event.kind === "rejected" && rejected.resolve(event),
  });
  onTestFinished(async () => {
    await policy.close();
    await folder.remove();
  });
  await folder.write("policy.csv", broken);
  expect(await rejected.promise).toMatchObject({ kind: "rejected" });
});
