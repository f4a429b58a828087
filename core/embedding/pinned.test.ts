import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openSqliteProbes } from "#adapters/ledger-sqlite/probes.ts";
import { AppError } from "#core/errors.ts";
import { makeLive } from "#test/contract/ledger/support.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { type TestEncoder, testEncoder } from "#test/kit/encoder.ts";
import { intercept } from "#test/kit/hold.ts";
import { openPinnedModel, type PinnedModelEvent, probeIntervalMs } from "./pinned.ts";

async function deployment() {
  let now = 1_000;
  const clock = () => now;
  const database = new DatabaseSync(":memory:");
  const ledger = await openSqliteLedger({ database, clock });
  const probes = openSqliteProbes(database);
  const events: PinnedModelEvent[] = [];
  const unsearched = new Set<string>();
  return {
    /** Fingerprints under which the index does not answer yet. */
    unsearched,
    ledger,
    events,
    pass: (ms: number) => {
      now += ms;
    },
    probes,
    start: (configured: TestEncoder, previous?: TestEncoder, store = probes) =>
      openPinnedModel({
        ledger,
        probes: store,
        configured,
        ...(previous === undefined ? {} : { previous }),
        clock,
        isSearched: async (fingerprint) => !unsearched.has(fingerprint),
        onEvent: (event) => events.push(event),
      }),
  };
}

const [a, b, c] = ["fingerprint-a", "fingerprint-b", "fingerprint-c"];

test("the first start pins the deployment to the configured encoder, and a later one to the ledger's", async () => {
  const { ledger, start } = await deployment();
  const first = await start(testEncoder("a", 0));
  expect([first.active(), first.answering().model.fingerprint, first.written()]).toEqual([a, a, [a]]);
  await ledger.putDocument(putOf(keyOf("page")));
  await makeLive(ledger, keyOf("page"), a);
  const other = await start(testEncoder("b", 1));
  expect([other.active(), other.written(), other.problems()]).toEqual([a, [b], ["reindexing"]]);
  expect(() => other.answering()).toThrow(expect.objectContaining({ code: "reindexing" }));
  expect(await other.status("halden")).toMatchObject([{ role: "configured", isActive: false, missing: 1 }]);
  expect(await other.status("marlow")).toMatchObject([{ missing: 0 }]);
});

test("a change goes on beside the answers, is made when nothing is missing, and can be taken back at once", async () => {
  const { ledger, events, start } = await deployment();
  await start(testEncoder("a", 0));
  for (const id of ["one", "two"]) {
    await ledger.putDocument(putOf(keyOf(id)));
    await makeLive(ledger, keyOf(id), a);
  }
  const models = await start(testEncoder("b", 1), testEncoder("a", 0));
  expect([models.answering().model.fingerprint, models.written()]).toEqual([a, [a, b]]);
  await makeLive(ledger, keyOf("one"), b);
  await models.advance();
  expect([models.active(), models.problems()]).toEqual([a, []]);
  await makeLive(ledger, keyOf("two"), b);
  await models.advance();
  expect([models.answering().model.fingerprint, models.written()]).toEqual([b, [b, a]]);
  expect(events).toEqual([{ kind: "switched", from: a, to: b }]);
  expect((await start(testEncoder("a", 0), testEncoder("b", 1))).active()).toBe(a);
  const [record] = await ledger.read([keyOf("one")]);
  expect(Object.keys(record?.live ?? {}).toSorted()).toEqual([a, b]);
  await (await start(testEncoder("a", 0))).advance();
  expect(events.at(-1)).toEqual({ kind: "retired", documents: 2 });
  expect(Object.keys((await ledger.read([keyOf("one")]))[0]?.live ?? {})).toEqual([a]);
});

test("nobody is sent to an index that does not answer yet, though nothing is missing in it", async () => {
  const { ledger, unsearched, start } = await deployment();
  await start(testEncoder("a", 0));
  await ledger.putDocument(putOf(keyOf("one")));
  await makeLive(ledger, keyOf("one"), a);
  const models = await start(testEncoder("b", 1), testEncoder("a", 0));
  await makeLive(ledger, keyOf("one"), b);
  unsearched.add(b);
  await models.advance();
  expect(models.active()).toBe(a);
  unsearched.clear();
  await models.advance();
  expect(models.active()).toBe(b);
});

test("a previous encoder that is not the active one answers nothing, and the active one's documents wait for a way back", async () => {
  const { ledger, start } = await deployment();
  await start(testEncoder("a", 0));
  await ledger.putDocument(putOf(keyOf("page")));
  await makeLive(ledger, keyOf("page"), a);
  const models = await start(testEncoder("b", 1), testEncoder("c", 2));
  await models.advance();
  expect([models.written(), models.problems()]).toEqual([[b], ["reindexing"]]);
  expect(c).not.toBe(models.active());
  expect(Object.keys((await ledger.read([keyOf("page")]))[0]?.live ?? {})).toEqual([a]);
  expect((await start(testEncoder("a", 0))).answering().model.fingerprint).toBe(a);
});

test("another process's switch is followed, and never undone", async () => {
  const { ledger, events, start } = await deployment();
  await start(testEncoder("a", 0));
  await ledger.putDocument(putOf(keyOf("page")));
  await makeLive(ledger, keyOf("page"), a);
  const models = await start(testEncoder("b", 1), testEncoder("a", 0));
  await ledger.activate(a, b);
  await models.advance();
  expect([models.active(), events]).toEqual([b, []]);
});

test("an encoder that gives other vectors than it did neither answers nor indexes, until it gives them again", async () => {
  const { events, pass, start } = await deployment();
  const encoder = testEncoder("a", 0);
  const models = await start(encoder);
  encoder.turn = 7;
  await models.advance();
  expect(models.problems()).toEqual([]);
  pass(probeIntervalMs);
  await models.advance();
  expect([models.problems(), models.indexing(), models.written()]).toEqual([["embedding-drift"], [], [a]]);
  expect(() => models.answering()).toThrow(expect.objectContaining({ code: "embedder-unavailable" }));
  expect(events).toMatchObject([{ kind: "drift", fingerprint: a }]);
  expect(await models.status("halden")).toMatchObject([
    { probes: { state: "drifted", checkedAt: 1_000 + probeIntervalMs } },
  ]);
  // A start is no pardon, and what it gives now is not taken for the truth.
  expect((await start(encoder)).problems()).toEqual(["embedding-drift"]);
  encoder.turn = 0;
  pass(probeIntervalMs);
  await models.advance();
  expect([models.problems(), models.indexing()]).toEqual([[], [encoder]]);
});

test("an encoder that could not be asked for its probes yet does not answer; an outage later says nothing about its vectors", async () => {
  const { events, pass, start } = await deployment();
  const encoder = testEncoder("a", 0);
  encoder.down.add("rain gauge");
  const models = await start(encoder);
  expect(() => models.answering()).toThrow(expect.objectContaining({ code: "embedder-unavailable" }));
  expect([models.indexing(), models.problems(), events]).toMatchObject([[], [], [{ kind: "unchecked" }]]);
  encoder.down.clear();
  await models.advance();
  expect(models.answering()).toBe(encoder);
  encoder.down.add("rain gauge");
  pass(probeIntervalMs);
  await models.advance();
  expect(models.answering()).toBe(encoder);
  // The next step asks again.
  encoder.down.clear();
  encoder.turn = 1;
  await models.advance();
  expect(models.problems()).toEqual(["embedding-drift"]);
});

test("a process that starts while the stored vectors cannot be read says that the ledger is away, and answers once they can", async () => {
  const { probes, start } = await deployment();
  await start(testEncoder("a", 0));
  let isAway = true;
  const store = intercept(probes, "read", async (read) => {
    if (isAway) throw new AppError("ledger-unavailable");
    return read();
  });
  const encoder = testEncoder("a", 0);
  const models = await start(encoder, undefined, store);
  expect(() => models.answering()).toThrow(expect.objectContaining({ code: "ledger-unavailable" }));
  isAway = false;
  await models.advance();
  expect(models.answering()).toBe(encoder);
});
