import { expect, test } from "vitest";
import type { DocumentStatus } from "#services/indexer/status.ts";
import { styleOf } from "../terminal.ts";
import { type LocalDocument, planDocument, planVanished } from "./plan.ts";
import { countsOf, itemLines, jsonReport, summaryLine } from "./report.ts";
import { planFolder } from "./sync.ts";

const local: LocalDocument = { id: "a.md", contentHash: "c1", accessHash: "a1", warnings: [] };

function stored(changes: Partial<DocumentStatus> = {}): DocumentStatus {
  return {
    source: "wiki",
    id: "a.md",
    state: "searchable",
    version: 4,
    generation: 6,
    live_generation: 6,
    live_version: 4,
    live_chunks: 1,
    access_revision: 9,
    content_hash: "c1",
    access_hash: "a1",
    failure: null,
    accepted_at: "2026-01-01T00:00:00.000Z",
    deleted_at: null,
    ...changes,
  };
}

test("what is stored with the same content and access is left alone, also while it is being indexed", () => {
  expect(planDocument(local, stored()).action).toBe("unchanged");
  expect(planDocument(local, stored({ state: "indexing" })).action).toBe("unchanged");
});

test("a new file starts at version 1 and expects that there is no document yet", () => {
  expect(planDocument(local, undefined)).toMatchObject({ action: "create", version: 1, accessRevision: 0 });
});

test("other content is sent as the next version, under the access revision that was seen", () => {
  expect(planDocument(local, stored({ content_hash: "c0", access_hash: "a0" }))).toMatchObject({
    action: "update",
    version: 5,
    accessRevision: 9,
  });
});

test("other access alone is sent without a new version", () => {
  const item = planDocument(local, stored({ access_hash: "a0" }));
  expect(item).toMatchObject({ action: "access", accessRevision: 9 });
  expect(item.version).toBeUndefined();
});

test("a deleted document comes back above its tombstone's version", () => {
  const tombstone = stored({ state: "deleted", version: 7, content_hash: null, access_hash: null });
  expect(planDocument(local, tombstone)).toMatchObject({ action: "create", version: 8, accessRevision: 9 });
});

test("stored content that could not be indexed is reported with its reason", () => {
  const failure = { code: "no-text", message: "the body has no readable text", failed_at: "2026-01-01T00:00:00.000Z" };
  const item = planDocument(local, stored({ state: "failed", failure }));
  expect(item.action).toBe("failed");
  expect(item.reason).toContain("no-text");
});

test("vanished documents are listed, and deleted only when asked for", () => {
  const all = [stored(), stored({ id: "gone.md" }), stored({ id: "old.md", state: "deleted" })];
  const present = new Set(["a.md"]);
  expect(planVanished(all, present, false)).toMatchObject([{ id: "gone.md", action: "vanished" }]);
  expect(planVanished(all, present, true)).toMatchObject([{ id: "gone.md", action: "delete", version: 4 }]);
});

test("a document below a folder that cannot be read has not vanished", () => {
  const all = [stored({ id: "locked/a.md" }), stored({ id: "locked-not/a.md" })];
  expect(planVanished(all, new Set(["locked/"]), true).map(({ id }) => id)).toEqual(["locked-not/a.md"]);
  expect(planVanished(all, new Set([""]), true)).toEqual([]);
});

test("a refused file has not vanished, and the report says that its stored document stays", async () => {
  const rules = { source: "wiki", claims: new Set<never>(), labels: new Set<string>() };
  const file = { id: "a.md", path: "unused", contentType: "text/markdown", folders: [], refusal: "bad list" } as const;
  const found = { files: [file], skipped: [], refused: [] };
  const plan = await planFolder(found, rules, new Map([["a.md", stored()]]), { remove: true, dates: "stated" });
  expect(plan).toMatchObject([{ id: "a.md", action: "refused", reason: "bad list" }]);
  expect(plan[0]?.warnings[0]).toContain("earlier access list");
});

test("the report counts every action, lists what is not unchanged, and prints no control characters", () => {
  const items = [
    { id: "a.md", action: "unchanged", warnings: [] },
    { id: "b\u001b[2J.md", action: "refused", reason: "no access list", warnings: ["b.md: ignored"] },
  ] as const;
  expect(countsOf(items)).toMatchObject({ unchanged: 1, refused: 1, create: 0 });
  expect(itemLines(items, styleOf(false))).toEqual(["  refused   b.md: no access list", "  warning   b.md: ignored"]);
  expect(summaryLine("wiki", items, false)).toBe("wiki: 1 unchanged, 1 refused");
  expect(summaryLine("wiki", [], true)).toBe("wiki: nothing to do");
  expect(jsonReport("wiki", true, items)).toMatchObject({
    source: "wiki",
    dry_run: true,
    counts: { refused: 1 },
    undated: 0,
    error: null,
    files: [
      { id: "a.md", action: "unchanged", warnings: [] },
      { action: "refused", reason: "no access list", warnings: ["b.md: ignored"] },
    ],
  });
});
