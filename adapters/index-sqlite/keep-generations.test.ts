import { expect, test } from "vitest";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { keyOf } from "#test/kit/documents.ts";
import { keepGenerations } from "./keep-generations.ts";
import { openSqliteIndex } from "./sqlite-index.ts";

test("only the named generations stay in the copy: no text, no vector of any other", async () => {
  const database = openDatabase(":memory:");
  const model = { fingerprint: "f", dimensions: 2 };
  const index = await openSqliteIndex({ database, live: { select: () => [] }, model });
  const write = async (id: string, generation: number, fingerprint = "f") => {
    const key = keyOf(id);
    const text = { text: `text of ${id} ${generation}`, headingPath: [], startChar: 0, endChar: 1, tokens: 3 };
    const terms = { terms: new Map([["text", 1]]), termCount: 1, vector: Float32Array.of(1, 0) };
    const chunk = { ...text, ...terms, chunk: 0, chunkId: chunkIdOf(key, generation, 0) };
    await index.write({ key, generation, fingerprint, chunks: [chunk] });
  };
  await write("a", 1);
  await write("a", 2);
  await write("a", 2, "other");
  await write("b", 1);
  await index.close();
  keepGenerations(database, [{ key: keyOf("a"), generation: 2, fingerprint: "f" }]);
  const left = database.prepare("SELECT body FROM index_chunks").all();
  expect(left.map((row) => row.body)).toEqual(["text of a 2"]);
  expect(database.prepare("SELECT count(*) AS n FROM index_generations").get()?.n).toBe(1);
  database.close();
});
