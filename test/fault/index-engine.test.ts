import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  type EngineLink,
  inPlace,
  inThread,
  type LinkEvents,
  type StartEngine,
} from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { tokenMatches } from "#core/retrieval/late-interaction.ts";
import {
  ContractLive,
  dimensions,
  direction,
  fingerprint,
  generationOf,
  keyOf,
  queryFor,
} from "#test/contract/index/world.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Starts engines that can be brought down, and remembers them. */
function breakable(start: StartEngine) {
  const started: { readonly link: EngineLink; readonly events: LinkEvents }[] = [];
  const engine: StartEngine = (events) => {
    const link = start(events);
    started.push({ link, events });
    return link;
  };
  /** Ends the running engine the way that a crash does: whoever listens is told by the thread's end alone. */
  const crash = async () => {
    const last = started.at(-1);
    await last?.link.stop();
    last?.events.down(new Error("crashed"));
  };
  return { engine, crash, started };
}

async function open(start: StartEngine, file: string) {
  const database = openDatabase(file);
  closers.push(() => database.close());
  const live = new ContractLive();
  const broken = breakable(start);
  const index = await openSqliteIndex({ database, live, model: { fingerprint, dimensions }, engine: broken.engine });
  closers.push(() => index.close());
  const put = async (id: string, degrees: number): Promise<void> => {
    await index.write(generationOf(keyOf(id), [{ words: ["sensor", id], vector: direction(degrees) }]));
    live.publish(keyOf(id));
  };
  return { index, put, database, ...broken };
}

function fileIn(): string {
  const folder = mkdtempSync(join(tmpdir(), "reticent-engine-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "reticent.db");
}

const places: readonly [string, StartEngine, () => string][] = [
  ["in a thread, from a file", inThread, fileIn],
  ["in a thread, from a database in memory", inThread, () => ":memory:"],
  ["in place", inPlace, () => ":memory:"],
];
for (const [place, start, file] of places) {
  test(`an engine that goes down fails what waits for it and comes back with everything: ${place}`, async () => {
    const { index, put, crash, started } = await open(start, file());
    for (let i = 0; i < 20; i++) await put(`d${i}`, 2 * i);
    await index.remove(keyOf("d3"), 1, fingerprint);
    const query = queryFor(["sensor", "d7"], { limit: 5, density: true });
    const before = await index.search(query);
    expect(before.statistics.chunks).toBe(19);
    await crash();
    expect(await index.search(query)).toEqual(before);
    expect(started).toHaveLength(2);
    await crash();
    await put("late", 1);
    await index.remove(keyOf("d7"), 1, fingerprint);
    const after = await index.search(query);
    expect(after.statistics).toMatchObject({ chunks: 19, documentFrequency: [19, 0] });
    expect(after.hits.map((hit) => hit.key.id)).toContain("late");
  });
}

for (const [place, start, file] of places) {
  test(`tokens are matched wherever the database lies, also after the engine went down: ${place}`, async () => {
    const { index, crash } = await open(start, file());
    const tokenOutputs = { dimensions: 2, vectors: Int8Array.of(127, 0, 90, 90) };
    const plain = generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(0) }]);
    await index.write({ ...plain, chunks: plain.chunks.map((chunk) => ({ ...chunk, tokenOutputs })) });
    const [{ chunkId = "" } = {}] = plain.chunks;
    const query = { dimensions: 2, vectors: Int8Array.of(127, 0, 0, 127) };
    const expected = [[chunkId, tokenMatches(query, tokenOutputs)]];
    expect([...((await index.matchTokens?.(query, [chunkId], fingerprint)) ?? [])]).toEqual(expected);
    await crash();
    expect([...((await index.matchTokens?.(query, [chunkId], fingerprint)) ?? [])]).toEqual(expected);
  });
}

test("a search that an engine took with it is an unavailable index, and the next one finds everything", async () => {
  const { index, put, crash } = await open(inThread, fileIn());
  await put("a", 10);
  const lost = index.search(queryFor(["sensor"]));
  await Promise.all([expect(lost).rejects.toMatchObject({ code: "index-unavailable" }), crash()]);
  expect((await index.search(queryFor(["sensor"]))).hits).toHaveLength(1);
});

test("an engine that cannot be filled again stays unavailable, never empty, until what is stored can be read", async () => {
  for (const [, start, file] of places) {
    const { index, put, crash, database } = await open(start, file());
    await put("a", 10);
    const [row] = database.prepare("SELECT vectors FROM index_memory").all();
    database.exec("UPDATE index_memory SET vectors = x'00000000'");
    await crash();
    for (let i = 0; i < 2; i++) {
      await expect(index.search(queryFor(["sensor"]))).rejects.toMatchObject({ code: "index-unavailable" });
    }
    database.prepare("UPDATE index_memory SET vectors = ?").run(row?.vectors ?? null);
    expect((await index.search(queryFor(["sensor"]))).hits).toHaveLength(1);
  }
});

test("searches see the writes and removals before them and none after, however many are under way", async () => {
  const { index, put } = await open(inThread, fileIn());
  const counts: Promise<number>[] = [];
  const count = async (): Promise<number> => (await index.search(queryFor(["sensor"]))).statistics.chunks;
  for (let i = 0; i < 30; i++) {
    await put(`d${i}`, i);
    counts.push(count());
    if (i % 3 === 2) {
      await index.remove(keyOf(`d${i}`), 1, fingerprint);
      counts.push(count());
    }
  }
  const expected: number[] = [];
  for (let i = 0, stored = 0; i < 30; i++) {
    expected.push(++stored);
    if (i % 3 === 2) expected.push(--stored);
  }
  expect(await Promise.all(counts)).toEqual(expected);
});

test("closing while searches are under way fails them instead of leaving them open", async () => {
  const { index, put } = await open(inThread, fileIn());
  await put("a", 10);
  const search = index.search(queryFor(["sensor"]));
  await Promise.all([expect(search).rejects.toMatchObject({ code: "index-unavailable" }), index.close()]);
});

test("a thread that fails at anything but a search says so once and ends; a failed search is an answer", async () => {
  const bad = { handle: 1, fingerprint, dimensions, vectors: new Uint8Array(4), packed: Uint8Array.of(1) };
  for (const start of [inThread, inPlace]) {
    const replies: unknown[] = [];
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const answered = Promise.withResolvers<void>();
    let downs = 0;
    const link = start({
      reply: (reply) => {
        replies.push(reply);
        answered.resolve();
      },
      down: (cause) => {
        downs += 1;
        resolve(cause);
      },
    });
    const search = { vector: direction(0), terms: [], limit: 1, density: false, fingerprint };
    link.post({ kind: "search", id: 7, selection: 99, ...search });
    // A thread that ends takes with it what it said last: the reply has to be here before.
    await answered.promise;
    link.post({ kind: "add", ...bad });
    expect(await promise).toBeInstanceOf(Error);
    await link.stop();
    expect(replies).toEqual([{ id: 7, error: expect.stringContaining("no selection 99") }]);
    expect(downs).toBe(1);
  }
});
