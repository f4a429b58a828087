import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { feedback, keepAll, trace } from "#test/kit/traces.ts";
import { openTraceStore } from "./store.ts";

// What every trace store promises is tested by test/contract/trace.test.ts.

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function traceFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "reticent-traces-"));
  folders.push(folder);
  return join(folder, "traces.db");
}

test("no tenant's questions push out the traces of another one, nor does a lower limit wait for a new trace", async () => {
  const file = traceFile();
  const open = (maxCount: number) =>
    openTraceStore({ file, clock: () => 1_000, retention: { maxAgeMs: 1e12, maxCount } });
  const store = open(2);
  for (const id of ["ret_1", "ret_2"]) store.record(trace(id, "marlow"));
  await store.flush();
  for (const id of ["ret_3", "ret_4", "ret_5", "ret_6"]) store.record(trace(id));
  await store.flush();
  const kept = async (from: typeof store, tenant: string) => {
    const found = ["ret_1", "ret_2", "ret_3", "ret_4", "ret_5", "ret_6"].map((id) => from.get(tenant, id));
    return (await Promise.all(found)).flatMap((one) => one?.id ?? []);
  };
  expect(await kept(store, "marlow")).toEqual(["ret_1", "ret_2"]);
  expect(await kept(store, "halden")).toEqual(["ret_5", "ret_6"]);
  await store.close();
  const again = open(1);
  await again.flush();
  expect(await kept(again, "marlow")).toEqual(["ret_2"]);
  expect(await kept(again, "halden")).toEqual(["ret_6"]);
  await again.close();
});

test("the count of the retention limit holds over restarts, repeats and failed batches, and the latest traces stay", async () => {
  const file = traceFile();
  const retention = { maxAgeMs: 1e12, maxCount: 3 };
  const first = openTraceStore({ file, clock: () => 1_000, retention });
  for (const id of ["ret_1", "ret_2", "ret_2", "ret_3"]) first.record(trace(id));
  await first.flush();
  expect(await first.get("halden", "ret_1")).toBeDefined();
  const other = new DatabaseSync(file);
  other.exec("CREATE TRIGGER full BEFORE INSERT ON traces BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  first.record(trace("ret_lost"));
  await first.flush();
  expect(first.lost()).toBe(1);
  other.exec("DROP TRIGGER full");
  other.close();
  await first.close();
  const second = openTraceStore({ file, clock: () => 1_000, retention });
  for (const id of ["ret_4", "ret_5"]) second.record(trace(id));
  await second.flush();
  const kept = await Promise.all([1, 2, 3, 4, 5].map((n) => second.get("halden", `ret_${n}`)));
  expect(kept.map((one) => one?.id)).toEqual([undefined, undefined, "ret_3", "ret_4", "ret_5"]);
  await second.close();
});

test("a burst is written in parts by itself, in its order and to the last trace", async () => {
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll, flushMs: 1 });
  const ids = Array.from({ length: 100 }, (_, i) => `ret_${i}`);
  for (const id of ids) store.record(trace(id));
  const reader = new DatabaseSync(file, { readOnly: true });
  const written = () =>
    reader
      .prepare("SELECT id FROM traces ORDER BY sequence")
      .all()
      .map(({ id }) => id);
  await expect.poll(written).toEqual(ids);
  reader.close();
  await store.close();
});

test("a trace file holds no readable copy of the query", async () => {
  // Not a secrecy promise: it shows that traces are stored compressed, as the retention estimate assumes.
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  store.record({ ...trace("ret_1"), query: "x".repeat(2_000) });
  await store.close();
  expect(readFileSync(file).includes("x".repeat(2_000))).toBe(false);
});

test("a file of the first version, which had no version of its own, is migrated with its traces", async () => {
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  await store.close();
  const old = new DatabaseSync(file);
  old.exec("DROP TRIGGER feedback_goes_with_its_trace; DROP TABLE feedback; PRAGMA user_version = 0;");
  old.close();
  const migrated = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  expect(await migrated.get("halden", "ret_1")).toEqual(trace("ret_1"));
  expect(await migrated.judge(feedback("ret_1"))).toBe("kept");
  await migrated.close();
  const newer = new DatabaseSync(file);
  expect(newer.prepare("PRAGMA user_version").get()).toEqual({ user_version: 3 });
  newer.exec("PRAGMA user_version = 4");
  newer.close();
  expect(() => openTraceStore({ file, clock: () => 1_000, retention: keepAll })).toThrow(/version 4/);
});
