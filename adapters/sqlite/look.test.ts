import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { LogLeftBehind, lookInto } from "./look.ts";
import { openDatabase } from "./open.ts";

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "reticent look#%-"));
  folders.push(made);
  return made;
}

const names = (dir: string): unknown => readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size]);
/** With the bytes; not for files that this process has open, whose locks would be given back. */
const content = (dir: string): unknown =>
  readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString("hex")]);
const rows = (database: DatabaseSync): unknown => database.prepare("SELECT count(*) AS n FROM t").get()?.n;

/** A file with one row, and what a process that was killed leaves of it. */
function killed(): { readonly file: string; readonly dir: string } {
  const [first, dir] = [folder(), folder()];
  const database = openDatabase(join(first, "some.db"));
  database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  for (const name of readdirSync(first)) copyFileSync(join(first, name), join(dir, name));
  database.close();
  return { file: join(dir, "some.db"), dir };
}

test("a file is read and nothing changes beside it: while it is open, after its owner was killed, and after it was closed", () => {
  const dir = folder();
  const file = join(dir, "some.db");
  const database = openDatabase(file);
  database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  const open = names(dir);
  expect(lookInto(file, rows)).toBe(1);
  expect(names(dir)).toEqual(open);
  database.exec("INSERT INTO t VALUES (2)");
  expect(lookInto(file, rows)).toBe(2);
  database.close();

  const closed = content(dir);
  expect(lookInto(file, rows)).toBe(2);
  expect(content(dir)).toEqual(closed);

  const left = killed();
  const before = content(left.dir);
  expect(lookInto(left.file, rows)).toBe(1);
  expect(content(left.dir)).toEqual(before);
});

test("a log without its index is told and left as it is", () => {
  const { file, dir } = killed();
  unlinkSync(`${file}-shm`);
  const before = content(dir);
  expect(() => lookInto(file, rows)).toThrow(LogLeftBehind);
  expect(content(dir)).toEqual(before);
});
