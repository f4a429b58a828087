import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Trace } from "#core/ports/trace.ts";
import { openTraceStore } from "./store.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function traceFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "reticent-traces-"));
  folders.push(folder);
  return join(folder, "traces.db");
}

function trace(id: string, tenant = "halden", at = 1_000): Trace {
  return {
    id,
    tenant,
    user: "user:erin",
    actors: [],
    principals: ["user:erin"],
    at,
    durationMs: 1,
    query: "how many days",
    request: { topK: 8, maxTokens: null, minConfidence: null, conditions: {} },
    versions: { policy: "p", trust: "t", index: "1-f", embedding_model: "m" },
    gates: { floor: 0.1, threshold: 0.5 },
    features: { best_bm25: 1 },
    candidates: [],
    decision: { outcome: "abstained", reason: "no_match", confidence: 0 },
  };
}

const keepAll = { maxAgeMs: 1e12, maxCount: 1e6 };

test("a trace can be read at once, before its batch is written, and after the file is opened again", async () => {
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  expect(await store.get("halden", "ret_1")).toEqual(trace("ret_1"));
  await store.close();
  const again = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  expect(await again.get("halden", "ret_1")).toEqual(trace("ret_1"));
  await again.close();
});

test("a trace of another tenant is not there", async () => {
  const store = openTraceStore({ file: ":memory:", clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  expect(await store.get("marlow", "ret_1")).toBeUndefined();
  await store.flush();
  expect(await store.get("marlow", "ret_1")).toBeUndefined();
  await store.close();
});

test("traces beyond the count or the age of the retention limit are erased with the next batch", async () => {
  let now = 1_000;
  const store = openTraceStore({ file: ":memory:", clock: () => now, retention: { maxAgeMs: 100, maxCount: 2 } });
  for (const id of ["ret_1", "ret_2", "ret_3"]) store.record(trace(id));
  await store.flush();
  expect(await store.get("halden", "ret_1")).toBeUndefined();
  expect(await store.get("halden", "ret_2")).toBeDefined();
  now = 1_101;
  await store.flush();
  expect(await store.get("halden", "ret_3")).toBeUndefined();
  await store.close();
});

test("a trace that cannot be kept is counted and never fails the answer", async () => {
  const store = openTraceStore({
    file: ":memory:",
    clock: () => 1_000,
    retention: keepAll,
    maxWaiting: 1,
    flushMs: 1e6,
  });
  store.record(trace("ret_1"));
  store.record(trace("ret_2"));
  expect(store.lost()).toBe(1);
  await store.close();
  store.record(trace("ret_3"));
  expect(store.lost()).toBe(2);
});

test("a trace file holds no readable copy of the query", async () => {
  // Not a secrecy promise: it shows that traces are stored compressed, as the retention estimate assumes.
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  store.record({ ...trace("ret_1"), query: "x".repeat(2_000) });
  await store.close();
  expect(readFileSync(file).includes("x".repeat(2_000))).toBe(false);
});
