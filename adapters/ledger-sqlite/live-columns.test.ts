import { expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { nobody } from "#core/access/acl.ts";
import { makeIsVisible, visibilityChecks } from "#core/access/visible.ts";
import type { SearchConditions } from "#core/ports/index.ts";
import { fingerprint, makeLive } from "#test/contract/ledger/support.ts";
import { grantTo, keyOf, noQuality, plainTrust, putOf, searchOf, visibleTo } from "#test/kit/documents.ts";
import { openSqliteLedger, type SqliteLedgerOptions } from "./ledger.ts";

const now = Date.parse("2026-06-01T00:00:00.000Z");
const eligible = { trust: plainTrust, now };
const finance = grantTo("group:finance");
const everyone = grantTo("everyone");

/** A ledger with a short way to make documents live, and to ask who is selected. */
async function open(options: Partial<SqliteLedgerOptions> = {}) {
  const ledger = await openSqliteLedger({ database: openDatabase(":memory:"), clock: () => now, ...options });
  const add: (...put: Parameters<typeof putOf>) => Promise<void> = async (...put) => {
    await ledger.putDocument(putOf(...put));
    await makeLive(ledger, put[0]);
  };
  const ids = (filter = searchOf(visibleTo([])), under = fingerprint) =>
    ledger.live.select(under, filter).map(({ key }) => `${key.source}/${key.id}`);
  return { ledger, add, ids };
}

test("selected are the live documents that are visible, in the order of compareKeys, under the fingerprint asked for", async () => {
  const { ledger, add, ids } = await open();
  for (const id of ["b", "\u{1F600}", "\uffee", "a"]) await add(keyOf(id));
  await add(keyOf("a", "handbook"));
  await add(keyOf("secret"), { access: finance });
  await add(keyOf("other", "finance"));
  await add(keyOf("a", "wiki", "marlow"));
  await ledger.putDocument(putOf(keyOf("pending")));
  expect(ids()).toEqual(["handbook/a", "wiki/a", "wiki/b", "wiki/\u{1F600}", "wiki/\uffee"]);
  expect(ids(searchOf(visibleTo(["group:finance"], { sources: ["wiki"] })))).toContain("wiki/secret");
  expect(ids(searchOf(visibleTo([], { tenant: "marlow" })))).toEqual(["wiki/a"]);
  expect(ids(searchOf({ kind: "nothing" }))).toEqual([]);
  expect(ids(searchOf(visibleTo([])), "other")).toEqual([]);
});

test("a reference is the same object from search to search, as long as the generation is the same", async () => {
  const { ledger, add } = await open();
  await add(keyOf("a"));
  const filter = searchOf(visibleTo([]));
  const [first] = ledger.live.select(fingerprint, filter);
  await ledger.putAccess({ key: keyOf("a"), access: grantTo("everyone", "group:hr") });
  expect(ledger.live.select(fingerprint, filter)[0]).toBe(first);
  expect(first?.ref).toBe("6:halden4:wikia@1");
  await add(keyOf("a"), { version: 2 });
  expect(ledger.live.select(fingerprint, filter)[0]).toMatchObject({ generation: 2, ref: "6:halden4:wikia@2" });
});

test("while newer content is being indexed or has failed, old text needs both accesses; afterwards the new one", async () => {
  const { ledger, add, ids } = await open();
  await add(keyOf("a"), { access: finance });
  await ledger.putDocument(putOf(keyOf("a"), { version: 2, access: everyone, body: "redacted" }));
  expect(ids()).toEqual([]);
  expect(ids(searchOf(visibleTo(["group:finance"])))).toEqual(["wiki/a"]);
  await ledger.fail(keyOf("a"), { generation: 2, code: "no-text", message: "", failedAt: "1970-01-01T00:00:00.000Z" });
  expect(ids()).toEqual([]);
  await makeLive(ledger, keyOf("a"));
  expect(ids()).toEqual(["wiki/a"]);
  await ledger.putDocument(putOf(keyOf("a"), { version: 3, access: finance }));
  expect(ids()).toEqual([]);
});

test("a deleted document leaves at its commit, and comes back with newer content alone", async () => {
  const { ledger, add, ids } = await open();
  await add(keyOf("a"));
  await ledger.deleteDocument({ key: keyOf("a"), version: 1 });
  expect(ids()).toEqual([]);
  await ledger.putDocument(putOf(keyOf("a"), { version: 2 }));
  expect(ids()).toEqual([]);
  await makeLive(ledger, keyOf("a"));
  expect(ids()).toEqual(["wiki/a"]);
});

test("labels: denied ones hide, and a condition wants at least one of its own", async () => {
  const { add, ids } = await open();
  await add(keyOf("a"), { access: { ...everyone, labels: ["confidential"] } });
  await add(keyOf("b"), { access: { ...everyone, labels: ["personal-data"] } });
  await add(keyOf("c"));
  expect(ids(searchOf(visibleTo([], { deniedLabels: ["confidential"] })))).toEqual(["wiki/b", "wiki/c"]);
  const conditions = { labels: ["confidential", "personal-data"] };
  expect(ids(searchOf(visibleTo([]), { conditions }))).toEqual(["wiki/a", "wiki/b"]);
  expect(ids(searchOf(visibleTo([]), { conditions: { labels: [] } }))).toHaveLength(3);
});

test("conditions on source and date look at the live content; a document without a date matches no range", async () => {
  const { ledger, add, ids } = await open();
  const dated = (updatedAt: string) => ({ quality: { ...noQuality, updatedAt } });
  await add(keyOf("old"), dated("2020-01-01T00:00:00.000Z"));
  await add(keyOf("new", "handbook"), dated("2026-01-01T00:00:00.000Z"));
  await add(keyOf("undated"));
  const found = (conditions: SearchConditions) => ids(searchOf(visibleTo([]), { conditions }));
  expect(found({ sources: ["wiki"] })).toEqual(["wiki/old", "wiki/undated"]);
  expect(found({ sources: [] })).toHaveLength(3);
  expect(found({ updatedAfter: "2026-01-01T00:00:00Z" })).toEqual(["handbook/new"]);
  expect(found({ updatedAfter: "2026-01-01T00:00:00.001Z" })).toEqual([]);
  expect(found({ updatedBefore: "2020-01-01T01:00:00+01:00" })).toEqual(["wiki/old"]);
  expect(found({ updatedBefore: "2030-01-01T00:00:00Z" })).toEqual(["handbook/new", "wiki/old"]);
  expect(found({ updatedAfter: "yesterday" })).toEqual([]);
  await ledger.putDocument(putOf(keyOf("old"), { version: 2, ...dated("2026-05-01T00:00:00.000Z") }));
  expect(found({ updatedAfter: "2026-04-01T00:00:00Z" })).toEqual([]);
});

test("eligible leaves out what fails a gate or is superseded by a page that the caller can see", async () => {
  const { add, ids } = await open();
  const superseding = { quality: { ...noQuality, supersedes: [{ source: "wiki", id: "old" }] } };
  await add(keyOf("old"));
  await add(keyOf("expired"), { quality: { ...noQuality, expiresAt: "2026-01-01T00:00:00.000Z" } });
  await add(keyOf("new"), { ...superseding, access: finance });
  const forCaller = searchOf(visibleTo([]), { eligible });
  const forFinance = searchOf(visibleTo(["group:finance"]), { eligible });
  expect(ids(forCaller)).toEqual(["wiki/old"]);
  expect(ids(forFinance)).toEqual(["wiki/new"]);
  // A condition that leaves the replacement out does not bring the replaced page back.
  await add(keyOf("newest", "handbook"), { ...superseding });
  expect(ids(searchOf(visibleTo([]), { eligible, conditions: { sources: ["wiki"] } }))).toEqual([]);
  expect(ids({ ...forFinance, eligible: null })).toHaveLength(4);
});

test("a replacement that is still being indexed replaces nothing", async () => {
  const { ledger, add, ids } = await open();
  await add(keyOf("old"));
  await ledger.putDocument(
    putOf(keyOf("new"), { quality: { ...noQuality, supersedes: [{ source: "wiki", id: "old" }] } }),
  );
  expect(ids(searchOf(visibleTo([]), { eligible }))).toEqual(["wiki/old"]);
});

test("taking a visibility condition away opens what it kept closed: each one matters here", async () => {
  const { deny, grant, label, source, tenant } = visibilityChecks;
  const all = { deny, grant, label, source, tenant };
  for (const name of Object.keys(all)) {
    const kept = Object.entries(all).filter(([other]) => other !== name);
    const { add, ids } = await open({
      isVisible: makeIsVisible(kept.map(([, check]) => check)),
      // The shortcut past other tenants and sources would hide that their condition is gone.
      mayHold: () => true,
    });
    await add(keyOf("tenant", "wiki", "marlow"));
    await add(keyOf("source", "finance"));
    await add(keyOf("label"), { access: { ...everyone, labels: ["confidential"] } });
    await add(keyOf("deny"), { access: { ...everyone, denies: ["user:erin"] } });
    await add(keyOf("grant"), { access: nobody });
    const opened = ids(searchOf(visibleTo(["user:erin"], { deniedLabels: ["confidential"] })));
    expect(opened.map((one) => one.split("/")[1])).toEqual([name]);
  }
});

test("an equal question gets the same array until a commit, and never an answer of another caller, trust policy or time", async () => {
  const { ledger, add } = await open();
  await add(keyOf("a"));
  await add(keyOf("secret"), { access: finance });
  await add(keyOf("brief"), { quality: { ...noQuality, expiresAt: "2026-06-02T00:00:00.000Z" } });
  const ask = (at = now, trust = plainTrust, groups: readonly "group:finance"[] = []) =>
    ledger.live.select(fingerprint, searchOf(visibleTo(groups), { eligible: { trust, now: at } }));
  const ids = (refs: ReturnType<typeof ask>) => refs.map(({ key }) => key.id);
  const first = ask();
  expect(ids(first)).toEqual(["a", "brief"]);
  expect(ask()).toBe(first);
  expect(ask(now + 1_000)).toBe(first);
  expect(ids(ask(now, plainTrust, ["group:finance"]))).toEqual(["a", "brief", "secret"]);
  expect(ids(ask(now, { ...plainTrust, sources: new Map() }))).toEqual([]);
  expect(ids(ask())).toEqual(["a", "brief"]);
  expect(ids(ask(Date.parse("2026-06-02T00:00:00.000Z")))).toEqual(["a"]);
  expect(ids(ask(now))).toEqual(["a", "brief"]);
  expect(ids(ask(Number.NaN))).toEqual([]);
  expect(ids(ask(Number.NaN))).toEqual([]);
  await ledger.putAccess({ key: keyOf("a"), access: finance });
  expect(ids(ask())).toEqual(["brief"]);
  await ledger.deleteDocument({ key: keyOf("brief"), version: 1 });
  expect(ids(ask())).toEqual([]);
});

test("more callers than are remembered each get their own answer", async () => {
  const { add, ids } = await open();
  for (let i = 0; i < 40; i++) await add(keyOf(`d${i}`), { access: grantTo(`user:u${i}`) });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 40; i++) expect(ids(searchOf(visibleTo([`user:u${i}`])))).toEqual([`wiki/d${i}`]);
  }
});
