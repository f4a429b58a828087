import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { ensureSchema } from "#adapters/sqlite/schema.ts";
import { placeOf } from "./embeddings.ts";
import { schema, schemaVersion } from "./schema.ts";

test("an embedding is looked up by its key, and not by walking through what its source holds", () => {
  const database = new DatabaseSync(":memory:");
  ensureSchema(database, "index", schemaVersion, schema);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${placeOf}`).all(Buffer.from("00", "hex"), "t", "s", "f");
  const first = String(plan.find(({ detail }) => /^SEARCH [cg] /.test(String(detail)))?.detail);
  expect(first).toMatch(/^SEARCH c USING .*\(embedding_key=\?\)/);
  database.close();
});
