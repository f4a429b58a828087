import { expect, test } from "vitest";
import type { PolicyRevisions } from "../ports/policy-revisions.ts";
import { makePolicyAgreement } from "./policy-agreement.ts";

/** Revisions in memory, with the promises of the port. */
function revisions(): PolicyRevisions & { readonly history: string[] } {
  const replaced = new Set<string>();
  const history: string[] = [];
  return {
    history,
    read: async (mine) => ({ current: history.at(-1), isSuperseded: replaced.has(mine) }),
    agree: async (from, to) => {
      const current = history.at(-1);
      if (current !== from) return false;
      if (current === to) return true;
      if (current !== undefined) replaced.add(current);
      replaced.delete(to);
      history.push(to);
      return true;
    },
  };
}

/** A process whose folder is looked at only when it polls. */
function processWith(shared: PolicyRevisions, first: string) {
  const folder = { holds: first };
  let loaded = first;
  const poll = async () => {
    loaded = folder.holds;
  };
  const { confirm } = makePolicyAgreement({
    revisions: shared,
    policy: { lastGood: () => ({ revision: loaded, trustRevision: "t" }) as never, poll },
  });
  return { folder, poll, confirm, loaded: () => loaded };
}

const outdated = { code: "policy-outdated" };

test("the first process agrees on its revision, and others with the same one answer", async () => {
  const shared = revisions();
  const [a, b] = [processWith(shared, "1"), processWith(shared, "1")];
  await a.confirm();
  await b.confirm();
  expect(shared.history).toEqual(["1-t"]);
});

test("once one process uses an edit, another one uses it in its next request, or refuses", async () => {
  const shared = revisions();
  const [a, b, lagging] = [processWith(shared, "1"), processWith(shared, "1"), processWith(shared, "1")];
  for (const one of [a, b, lagging]) await one.confirm();
  a.folder.holds = "2";
  b.folder.holds = "2";
  await a.poll();
  await a.confirm();
  await b.confirm();
  expect(b.loaded()).toBe("2");
  // Its copy of the folder has not followed yet.
  await expect(lagging.confirm()).rejects.toMatchObject(outdated);
  lagging.folder.holds = "2";
  await lagging.confirm();
  expect(shared.history).toEqual(["1-t", "2-t"]);
});

test("a process that starts with an old copy refuses, and one that starts with an edit brings it into force", async () => {
  const shared = revisions();
  const a = processWith(shared, "1");
  await a.confirm();
  a.folder.holds = "2";
  await a.poll();
  await a.confirm();
  await expect(processWith(shared, "1").confirm()).rejects.toMatchObject(outdated);
  await processWith(shared, "3").confirm();
  a.folder.holds = "3";
  await a.confirm();
  expect(shared.history).toEqual(["1-t", "2-t", "3-t"]);
});

test("somebody who goes back to an older revision while a process looks on is followed", async () => {
  const shared = revisions();
  const [a, b] = [processWith(shared, "1"), processWith(shared, "1")];
  for (const now of ["1", "2", "1"]) {
    a.folder.holds = now;
    b.folder.holds = now;
    await a.poll();
    await a.confirm();
    await b.confirm();
  }
  expect(shared.history).toEqual(["1-t", "2-t", "1-t"]);
  expect(b.loaded()).toBe("1");
});

test("a process that missed a revision in between waits for one that had it, and is not where an edit in between comes into force", async () => {
  const shared = revisions();
  const [a, b] = [processWith(shared, "1"), processWith(shared, "1")];
  await a.confirm();
  await b.confirm();
  a.folder.holds = "2";
  await a.poll();
  await a.confirm();
  // Older or newer than 2: its folder does not say.
  b.folder.holds = "3";
  await expect(b.confirm()).rejects.toMatchObject(outdated);
  expect(shared.history.at(-1)).toBe("2-t");
  a.folder.holds = "3";
  await a.poll();
  await a.confirm();
  await b.confirm();
  expect(shared.history).toEqual(["1-t", "2-t", "3-t"]);
});

test("a copy of the folder that gets the edits one by one never brings back what a later one revoked", async () => {
  const shared = revisions();
  const [ahead, behind] = [processWith(shared, "1"), processWith(shared, "1")];
  await ahead.confirm();
  await behind.confirm();
  ahead.folder.holds = "3";
  await ahead.poll();
  await ahead.confirm();
  behind.folder.holds = "2";
  await expect(behind.confirm()).rejects.toMatchObject(outdated);
  behind.folder.holds = "3";
  await behind.confirm();
  expect(shared.history).toEqual(["1-t", "3-t"]);
});

test("a request that loses the race for the agreement is not answered under the revision that lost", async () => {
  const shared = revisions();
  const [a, b] = [processWith(shared, "1"), processWith(shared, "1")];
  await a.confirm();
  await b.confirm();
  a.folder.holds = "2";
  b.folder.holds = "2";
  await Promise.all([a.poll(), b.poll()]);
  await Promise.all([a.confirm(), b.confirm()]);
  expect(shared.history).toEqual(["1-t", "2-t"]);
});
