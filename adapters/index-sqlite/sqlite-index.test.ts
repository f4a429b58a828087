import { expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
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

const model = { fingerprint, dimensions };
const one = generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(0) }]);

test("a write that SQLite refuses leaves no trace, in the file or in memory", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  live.publish(keyOf("a"));
  const index = await openSqliteIndex({ database, live, model });
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
  const index = await openSqliteIndex({ database, live: new ContractLive(), model });
  database.close();
  await expect(index.write(one)).rejects.toMatchObject({ code: "index-unavailable", cause: expect.any(Error) });
  await expect(index.texts(["x"])).rejects.toMatchObject({ code: "index-unavailable" });
  await expect(openSqliteIndex({ database, live: new ContractLive(), model })).rejects.toMatchObject({
    code: "index-unavailable",
  });
});

test("a damaged vector in the file stops the start instead of being searched", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  await (await openSqliteIndex({ database, live, model })).write(one);
  database.exec("UPDATE index_memory SET vectors = x'00000000'");
  await expect(openSqliteIndex({ database, live, model })).rejects.toMatchObject({ code: "index-unavailable" });
  database.close();
});

test("where two fingerprints share a chunk id, the text is that of the model in use", async () => {
  const database = openDatabase(":memory:");
  const live = new ContractLive();
  for (const of of ["model-0", fingerprint, "model-z"]) {
    const index = await openSqliteIndex({ database, live, model });
    await index.write(generationOf(keyOf("a"), [{ words: [of], vector: direction(0) }], 1, of));
  }
  const index = await openSqliteIndex({ database, live, model });
  const id = one.chunks[0]?.chunkId ?? "";
  expect((await index.texts([id])).get(id)?.text).toBe(fingerprint);
  database.close();
});

test("an answer does not depend on the slots that chunks were given, used ones included", async () => {
  const answers: string[] = [];
  for (const removed of [0, 700]) {
    const database = openDatabase(":memory:");
    const live = new ContractLive();
    const index = await openSqliteIndex({ database, live, model });
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
