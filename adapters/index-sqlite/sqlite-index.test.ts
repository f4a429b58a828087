import { afterEach, expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { keyString } from "#core/document.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import {
  ContractLive,
  dimensions,
  direction,
  fingerprint,
  generationOf,
  keyOf,
  queryFor,
} from "#test/contract/index/world.ts";
import { openSqliteIndex, type SqliteIndexOptions } from "./sqlite-index.ts";

const model = { fingerprint, dimensions };
const opened: VectorIndex[] = [];
afterEach(async () => {
  for (const index of opened.splice(0)) await index.close();
});

async function open(options: Omit<SqliteIndexOptions, "model">): Promise<VectorIndex> {
  const index = await openSqliteIndex({ ...options, model });
  opened.push(index);
  return index;
}

const one = generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(0) }]);

test("a write that SQLite refuses leaves no trace, in the file or in memory", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  live.publish(keyOf("a"));
  const index = await open({ database, live });
  database.exec("CREATE TRIGGER full BEFORE INSERT ON index_chunks BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
  await expect(index.write(one)).rejects.toMatchObject({ code: "index-unavailable" });
  expect((await index.search(queryFor(["sensor"]))).hits).toEqual([]);
  expect(database.prepare("SELECT count(*) AS n FROM index_generations").get()).toEqual({ n: 0 });
  database.exec("DROP TRIGGER full");
  await index.write(one);
  expect((await index.search(queryFor(["sensor"]))).hits).toHaveLength(1);
  database.close();
});

test("a lost database is an unavailable index, with the cause kept for the log", async () => {
  const database = openDatabase(":memory:");
  const index = await open({ database, live: new ContractLive() });
  database.close();
  await expect(index.write(one)).rejects.toMatchObject({ code: "index-unavailable", cause: expect.any(Error) });
  await expect(index.texts(["x"], fingerprint)).rejects.toMatchObject({ code: "index-unavailable" });
  await expect(open({ database, live: new ContractLive() })).rejects.toMatchObject({
    code: "index-unavailable",
  });
});

test("a damaged vector in the file stops the start instead of being searched", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  await (await open({ database, live })).write(one);
  database.exec("UPDATE index_memory SET vectors = x'00000000'");
  await expect(open({ database, live })).rejects.toMatchObject({ code: "index-unavailable" });
  database.close();
});

test("where two fingerprints share a chunk id, the text is that of the fingerprint that is asked for", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  for (const of of ["model-0", fingerprint, "model-z"]) {
    const index = await open({ database, live });
    await index.write(generationOf(keyOf("a"), [{ words: [of], vector: direction(0) }], 1, of));
  }
  const index = await open({ database, live });
  const id = one.chunks[0]?.chunkId ?? "";
  for (const of of ["model-0", fingerprint, "model-z"]) expect((await index.texts([id], of)).get(id)?.text).toBe(of);
  expect((await index.texts([id], "none")).size).toBe(0);
  database.close();
});

test("an answer does not depend on the slots that chunks were given, used ones included", async () => {
  const answers: string[] = [];
  for (const removed of [0, 700]) {
    const database = openDatabase(":memory:");
    const live = new ContractLive();
    const index = await open({ database, live });
    for (let i = 0; i < removed; i++) {
      await index.write(generationOf(keyOf(`gone${i}`), [{ words: ["sensor", "old"], vector: direction(i % 80) }]));
      if (i >= 300) await index.remove(keyOf(`gone${i - 300}`), 1, fingerprint);
    }
    for (let i = 0; i < 50; i++) {
      await index.write(generationOf(keyOf(`d${i}`), [{ words: ["sensor", `w${i % 7}`], vector: direction(i % 9) }]));
      live.publish(keyOf(`d${i}`));
    }
    answers.push(JSON.stringify(await index.search(queryFor(["sensor", "w3", "old"], { limit: 7 }))));
    database.close();
  }
  expect(answers[1]).toBe(answers[0]);
});

test("a question asked again after a write, a removal or a reopening is answered from what is stored then", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  const fixed = [{ key: keyOf("a"), generation: 1, ref: `${keyString(keyOf("a"))}@1` }];
  // The very same array every time, as a ledger gives it while nothing changes.
  const index = await open({ database, live: { select: () => fixed } });
  const chunks = async () => (await index.search(queryFor(["sensor"]))).statistics.chunks;
  expect(await chunks()).toBe(0);
  await index.write(one);
  expect(await chunks()).toBe(1);
  expect(await chunks()).toBe(1);
  await index.remove(keyOf("a"), 1, fingerprint);
  expect(await chunks()).toBe(0);
  await index.write(one);
  expect(await chunks()).toBe(1);
  const again = await open({ database, live });
  live.publish(keyOf("a"));
  expect((await again.search(queryFor(["sensor"]))).statistics.chunks).toBe(1);
  database.close();
});

test("more callers than the engine remembers each get their own answer", async () => {
  const database = openDatabase(":memory:");
  const selected = Array.from({ length: 20 }, (_, i) => [
    { key: keyOf(`d${i}`), generation: 1, ref: `${keyString(keyOf(`d${i}`))}@1` },
  ]);
  let asking = 0;
  const index = await open({ database, live: { select: () => selected[asking] ?? [] } });
  for (let i = 0; i < 20; i++)
    await index.write(generationOf(keyOf(`d${i}`), [{ words: ["sensor"], vector: direction(0) }]));
  for (const caller of [...Array.from({ length: 20 }, (_, i) => i), 3, 19, 0]) {
    asking = caller;
    expect((await index.search(queryFor(["sensor"]))).hits.map((hit) => hit.key.id)).toEqual([`d${caller}`]);
  }
  database.close();
});
