import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { transaction } from "#adapters/sqlite/transaction.ts";
import type { DocumentKey, DocumentRecord } from "#core/document.ts";
import { RecordCache } from "./record-cache.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const keyOf = (id: string): DocumentKey => ({ tenant: "one", source: "open", id });

/** A cache over a table with one revision, and the keys that were read from it. */
function opened() {
  const folder = mkdtempSync(join(tmpdir(), "reticent-cache-"));
  folders.push(folder);
  const file = join(folder, "a.db");
  const database = openDatabase(file);
  database.exec("CREATE TABLE t (revision); CREATE TABLE other (a); INSERT INTO t VALUES (1)");
  const revision = database.prepare("SELECT revision FROM t");
  const asked: string[] = [];
  const cache = new RecordCache(database);
  const read = (keys: readonly DocumentKey[]): DocumentRecord[] =>
    keys.map((key) => {
      asked.push(key.id);
      const access = { grants: [], denies: [], labels: [] };
      return { key, access, accessRevision: Number(revision.get()?.revision), live: {}, lastGeneration: 1 };
    });
  const take = (...ids: string[]) => cache.take(ids.map(keyOf), read).map((record) => record?.accessRevision);
  return { file, database, asked, take, cache };
}

test("what was read is read again after any write of this connection, also one that was taken back", () => {
  const { database, asked, take } = opened();
  expect(take("a", "b")).toEqual([1, 1]);
  expect(take("b", "a", "c")).toEqual([1, 1, 1]);
  expect(asked).toEqual(["a", "b", "c"]);
  database.exec("UPDATE t SET revision = 2");
  expect(take("a")).toEqual([2]);
  database.exec("INSERT INTO other VALUES (1)");
  expect(take("a")).toEqual([2]);
  expect(asked).toEqual(["a", "b", "c", "a", "a"]);
  const failing = () =>
    transaction(database, () => {
      database.exec("UPDATE t SET revision = 3");
      throw new Error("taken back");
    });
  expect(failing).toThrow("taken back");
  expect(take("a")).toEqual([2]);
  database.exec("DELETE FROM t");
  expect(take("a")).toEqual([Number.NaN]);
  database.close();
});

test("what was read is read again after a commit of another connection", () => {
  const { file, database, take } = opened();
  expect(take("a")).toEqual([1]);
  const other = new DatabaseSync(file);
  other.exec("BEGIN; UPDATE t SET revision = 2");
  expect(take("a")).toEqual([1]);
  other.exec("COMMIT");
  expect(take("a")).toEqual([2]);
  other.close();
  database.close();
});

test("a document that is not there is known not to be there, until something is written", () => {
  const { database, cache } = opened();
  let reads = 0;
  const nothing = (keys: readonly DocumentKey[]) => {
    reads += 1;
    return keys.map(() => undefined);
  };
  expect(cache.take([keyOf("a")], nothing)).toEqual([undefined]);
  expect(cache.take([keyOf("a")], nothing)).toEqual([undefined]);
  expect(reads).toBe(1);
  database.exec("INSERT INTO other VALUES (1)");
  cache.take([keyOf("a")], nothing);
  expect(reads).toBe(2);
  database.close();
});

test("a read that fails leaves nothing behind, and a closed database is an error", () => {
  const { database, cache, take } = opened();
  expect(() =>
    cache.take([keyOf("a")], () => {
      throw new Error("unreadable");
    }),
  ).toThrow("unreadable");
  expect(take("a")).toEqual([1]);
  database.close();
  expect(() => take("a")).toThrow("finalized");
});
