import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { reading } from "./transaction.ts";

test("reads leave no transaction behind, whether they succeed or fail, and write nothing", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (a)");
  expect(reading(database, () => database.prepare("SELECT count(*) AS n FROM t").get())).toEqual({ n: 0 });
  expect(database.isTransaction).toBe(false);
  const failing = () =>
    reading(database, () => {
      throw new Error("no");
    });
  expect(failing).toThrow("no");
  expect(database.isTransaction).toBe(false);
  reading(database, () => database.exec("INSERT INTO t VALUES (1)"));
  expect(database.prepare("SELECT count(*) AS n FROM t").get()).toEqual({ n: 0 });
  database.close();
});
