import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { openDatabase, truncateLog } from "#adapters/sqlite/open.ts";
import { nobody } from "#core/access/acl.ts";
import { fingerprint, makeLive } from "#test/contract/ledger/support.ts";
import { grantTo, keyOf, putOf, searchOf, visibleTo } from "#test/kit/documents.ts";
import { openSqliteLedger } from "./ledger.ts";
import { LiveColumns } from "./live-columns.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { prepareStatements } from "./statements.ts";

const folders: string[] = [];
const databases: DatabaseSync[] = [];
afterEach(() => {
  for (const database of databases.splice(0)) if (database.isOpen) database.close();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const clock = () => 1_000;

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "reticent-ledger-"));
  folders.push(made);
  return made;
}

function open(file = ":memory:"): DatabaseSync {
  const database = openDatabase(file);
  databases.push(database);
  return database;
}

test("when memory cannot follow a commit, the ledger refuses everything from then on", async () => {
  const database = open();
  const opened = await openSqliteLedger({ database, clock });
  await opened.putDocument(putOf(keyOf("a")));
  await makeLive(opened, keyOf("a"));
  const columns = new LiveColumns();
  let broken = false;
  const ledger = new SqliteLedger({
    database,
    clock,
    statements: prepareStatements(database),
    columns: {
      select: (under, filter) => columns.select(under, filter),
      replacing: (under, keys, filter) => columns.replacing(under, keys, filter),
      apply(record) {
        if (broken) throw new Error("out of memory");
        columns.apply(record);
      },
    },
  });
  expect(await ledger.read([keyOf("a")])).toHaveLength(1);
  broken = true;
  const refused = { code: "ledger-unavailable" };
  await expect(ledger.putAccess({ key: keyOf("a"), access: nobody })).rejects.toMatchObject(refused);
  broken = false;
  await expect(ledger.read([keyOf("a")])).rejects.toMatchObject(refused);
  await expect(ledger.putDocument(putOf(keyOf("b")))).rejects.toMatchObject(refused);
  await expect(ledger.disabledAmong("halden", [])).rejects.toMatchObject(refused);
  expect(() => ledger.live.select(fingerprint, searchOf(visibleTo([])))).toThrow(expect.objectContaining(refused));
});

test("a failure of the store is ledger-unavailable, and nothing of the command was kept", async () => {
  const database = open();
  const ledger = await openSqliteLedger({ database, clock });
  await ledger.putDocument(putOf(keyOf("a")));
  const before = await ledger.read([keyOf("a")]);
  // The body comes before the record in the transaction: a failure of the second must undo the first.
  database.exec("CREATE TRIGGER full BEFORE INSERT ON documents BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  await expect(ledger.putDocument(putOf(keyOf("a"), { version: 2 }))).rejects.toMatchObject({
    code: "ledger-unavailable",
  });
  database.exec("DROP TRIGGER full");
  expect(await ledger.read([keyOf("a")])).toEqual(before);
  expect(await ledger.readBody(keyOf("a"), 1)).toBe("Text of a.");
  database.close();
  await expect(ledger.read([keyOf("a")])).rejects.toMatchObject({ code: "ledger-unavailable" });
});

test("a row that is not a record is an error, not a guess", async () => {
  const database = open();
  const ledger = await openSqliteLedger({ database, clock });
  await ledger.putDocument(putOf(keyOf("a")));
  database.exec(`UPDATE documents SET access = '{"grants":["everybody"],"denies":[],"labels":[]}'`);
  await expect(ledger.read([keyOf("a")])).rejects.toMatchObject({ code: "ledger-unavailable" });
});

test("a file from before there was an active fingerprint is pinned to the one that most documents are live under", async () => {
  const database = open();
  const ledger = await openSqliteLedger({ database, clock });
  for (const id of ["a", "b"]) await ledger.putDocument(putOf(keyOf(id)));
  await makeLive(ledger, keyOf("a"), "few");
  for (const id of ["a", "b"]) await makeLive(ledger, keyOf(id), "most");
  expect(await ledger.activeFingerprint()).toBeUndefined();
  database.exec("DROP TABLE active_fingerprint; DELETE FROM components WHERE name = 'active-fingerprint'");
  expect(await (await openSqliteLedger({ database, clock })).activeFingerprint()).toBe("most");
});

test("the re-check reads rows, the search reads memory: neither follows a mistake of the other", async () => {
  const database = open();
  const ledger = await openSqliteLedger({ database, clock });
  await ledger.putDocument(putOf(keyOf("a")));
  await makeLive(ledger, keyOf("a"));
  database.exec(`UPDATE documents SET access = '{"grants":[],"denies":[],"labels":[]}'`);
  expect(ledger.live.select(fingerprint, searchOf(visibleTo([])))).toHaveLength(1);
  expect((await ledger.read([keyOf("a")]))[0]?.access).toEqual(nobody);
});

test("a file of another version is refused", async () => {
  const file = join(folder(), "ledger.db");
  await openSqliteLedger({ database: open(file), clock });
  const database = open(file);
  database.exec("UPDATE components SET version = 99 WHERE name = 'ledger'");
  await expect(openSqliteLedger({ database, clock })).rejects.toThrow('version 99 of "ledger"');
});

test("a deleted or replaced text leaves no byte in the files once the log is emptied", async () => {
  const dir = folder();
  const database = open(join(dir, "ledger.db"));
  const ledger = await openSqliteLedger({ database, clock });
  const secret = "The chairman's salary is 4711.";
  for (const id of ["deleted", "replaced"]) {
    await ledger.putDocument(putOf(keyOf(id), { body: secret.repeat(500), title: secret }));
    await makeLive(ledger, keyOf(id));
  }
  await ledger.deleteDocument({ key: keyOf("deleted"), version: 1 });
  await ledger.putDocument(putOf(keyOf("replaced"), { version: 2 }));
  await makeLive(ledger, keyOf("replaced"));
  truncateLog(database);
  const telling = readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes("chairman"));
  expect(telling).toEqual([]);
});

test("every commit is synced to disk before it is acknowledged", () => {
  const database = open(join(folder(), "ledger.db"));
  // 2 = FULL; WAL without it may lose the last commits at a power cut.
  expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.prepare("PRAGMA secure_delete").get()).toEqual({ secure_delete: 1 });
});

test("a grant in memory ends with the revoke's commit, before its promise resolves", async () => {
  const ledger = await openSqliteLedger({ database: open(), clock });
  await ledger.putDocument(putOf(keyOf("a"), { access: grantTo("group:finance") }));
  await makeLive(ledger, keyOf("a"));
  const filter = searchOf(visibleTo(["group:finance"]));
  expect(ledger.live.select(fingerprint, filter)).toHaveLength(1);
  const revoking = ledger.putAccess({ key: keyOf("a"), access: nobody });
  expect(ledger.live.select(fingerprint, filter)).toEqual([]);
  await revoking;
});
