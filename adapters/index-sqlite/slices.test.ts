import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { nextTurn } from "#core/ingest/turns.ts";
import {
  ContractLive,
  dimensions,
  direction,
  fingerprint,
  generationOf,
  keyOf,
  queryFor,
} from "#test/contract/index/world.ts";
import { openSqliteIndex } from "./sqlite-index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), "reticent-slices-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return open(join(folder, "reticent.db"));
}

async function open(file: string) {
  const database = openDatabase(file);
  const live = new ContractLive();
  live.publish(key);
  const index = await openSqliteIndex({ database, live, model: { fingerprint, dimensions } });
  const close = async () => {
    await index.close();
    if (database.isOpen) database.close();
  };
  closers.push(close);
  const chunks = async () => (await index.search(queryFor(["sensor"]))).statistics.chunks;
  const rows = () =>
    ["index_generations", "index_chunks", "index_memory"].map((table) =>
      Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n),
    );
  return { file, index, close, chunks, rows, reopen: () => open(file) };
}

const key = keyOf("long");
/** Longer than several slices. */
const long = generationOf(
  key,
  Array.from({ length: 500 }, (_, i) => ({ words: ["sensor", `word${i}`], vector: direction(i % 90) })),
);

test("a long generation is written in slices between which others have their turn, and is found only when it is whole", async () => {
  const { index, chunks, rows } = await openFolder();
  const writing = index.write(long);
  await nextTurn();
  const [generations = 0, stored = 0, memory = 0] = rows();
  expect([generations, memory]).toEqual([1, 0]);
  expect(stored).toBeLessThan(500);
  expect(await chunks()).toBe(0);
  await writing;
  expect(rows()).toEqual([1, 500, 1]);
  expect(await chunks()).toBe(500);
});

test("writing twice at once writes once, and a removal meanwhile comes after it and leaves nothing", async () => {
  const { index, chunks, rows } = await openFolder();
  await Promise.all([index.write(long), index.write(long)]);
  expect(rows()).toEqual([1, 500, 1]);
  const removing = index.remove(key, 1, fingerprint);
  expect(await chunks()).toBe(0);
  await Promise.all([removing, index.remove(key, 1, fingerprint), index.write(long)]);
  expect(rows()).toEqual([1, 500, 1]);
  expect(await chunks()).toBe(500);
  await index.remove(key, 1, fingerprint);
  expect(rows()).toEqual([0, 0, 0]);
});

test("what a process left half written or half erased is gone at the next start, and can be written again", async () => {
  const first = await openFolder();
  const writing = first.index.write(long);
  await nextTurn();
  await Promise.all([expect(writing).rejects.toMatchObject({ code: "index-unavailable" }), first.close()]);
  const second = await first.reopen();
  expect(second.rows()).toEqual([0, 0, 0]);
  await second.index.write(long);
  expect(await second.chunks()).toBe(500);
  const removing = second.index.remove(key, 1, fingerprint);
  await Promise.all([expect(removing).rejects.toMatchObject({ code: "index-unavailable" }), second.close()]);
  const third = await second.reopen();
  expect(third.rows()).toEqual([0, 0, 0]);
  await third.index.write(long);
  expect(await third.chunks()).toBe(500);
});
