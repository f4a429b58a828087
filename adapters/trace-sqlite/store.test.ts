import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import type { Feedback, Trace } from "#core/ports/trace.ts";
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

function feedback(retrieval: string, over: Partial<Feedback> = {}): Feedback {
  return {
    tenant: "halden",
    retrieval,
    user: "user:erin",
    actors: [],
    judgement: "useful",
    document: null,
    comment: null,
    at: 2_000,
    ...over,
  };
}

test("the latest judgement of a principal, retrieval and document is kept; others stand beside it", async () => {
  const file = traceFile();
  const store = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  const document = { source: "handbook", id: "a.md" };
  // The trace still waits for its batch.
  expect(await store.judge(feedback("ret_1"))).toBe("kept");
  await store.judge(feedback("ret_1", { judgement: "wrong", document, comment: "old number" }));
  await store.judge(feedback("ret_1", { actors: ["agent:bot"] }));
  await store.judge(feedback("ret_1", { user: "user:sam", judgement: "wrong" }));
  await store.judge(feedback("ret_1", { judgement: "outdated", at: 3_000 }));
  await store.close();
  const again = openTraceStore({ file, clock: () => 1_000, retention: keepAll });
  expect(await again.feedback("halden", "ret_1")).toEqual([
    feedback("ret_1", { actors: ["agent:bot"] }),
    feedback("ret_1", { judgement: "wrong", document, comment: "old number" }),
    feedback("ret_1", { user: "user:sam", judgement: "wrong" }),
    feedback("ret_1", { judgement: "outdated", at: 3_000 }),
  ]);
  expect(await again.feedback("marlow", "ret_1")).toEqual([]);
  await again.close();
});

test("judgements go when their trace goes, and none is taken for a trace that is not there", async () => {
  let now = 1_000;
  const store = openTraceStore({ file: ":memory:", clock: () => now, retention: { maxAgeMs: 100, maxCount: 2 } });
  for (const id of ["ret_1", "ret_2"]) store.record(trace(id));
  expect(await store.judge(feedback("ret_1"))).toBe("kept");
  expect(await store.judge(feedback("ret_2"))).toBe("kept");
  expect(await store.judge(feedback("ret_9"))).toBe("gone");
  expect(await store.judge(feedback("ret_1", { tenant: "marlow" }))).toBe("gone");
  store.record(trace("ret_3"));
  await store.flush();
  expect(await store.feedback("halden", "ret_1")).toEqual([]);
  expect(await store.feedback("halden", "ret_2")).toHaveLength(1);
  now = 1_101;
  await store.flush();
  expect(await store.feedback("halden", "ret_2")).toEqual([]);
  await store.close();
});

test("a retrieval takes a bounded number of judgements, and a change of an old one always", async () => {
  const store = openTraceStore({ file: ":memory:", clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  for (let at = 0; at < limits.feedbackPerRetrieval; at++) {
    expect(await store.judge(feedback("ret_1", { user: `user:${at}` }))).toBe("kept");
  }
  expect(await store.judge(feedback("ret_1", { user: "user:more" }))).toBe("full");
  expect(await store.judge(feedback("ret_1", { user: "user:7", judgement: "wrong" }))).toBe("kept");
  await store.close();
});

test("pages hold every judgement of the tenant once, in the order in which they were given", async () => {
  const store = openTraceStore({ file: ":memory:", clock: () => 1_000, retention: keepAll });
  store.record(trace("ret_1"));
  store.record(trace("ret_2", "marlow"));
  await store.judge(feedback("ret_2", { tenant: "marlow" }));
  for (const user of ["a", "b", "c"]) await store.judge(feedback("ret_1", { user: `user:${user}` }));
  const first = await store.allFeedback("halden", null, 2);
  expect(first.feedback.map(({ user }) => user)).toEqual(["user:a", "user:b"]);
  const second = await store.allFeedback("halden", first.feedback.at(-1) ?? null, 2);
  expect(second).toMatchObject({ feedback: [{ user: "user:c" }], more: false });
  await store.close();
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
