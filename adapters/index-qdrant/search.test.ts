import { expect, test } from "vitest";
import { keyString } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { keyOf, queryFor } from "#test/contract/index/world.ts";
import { pack } from "./packed.ts";
import { type SearchServer, searchCollection } from "./search.ts";

/** A server with one chunk, of which it says this score. */
function serverThatScores(score: number): SearchServer {
  const key = keyOf("a");
  const payload = {
    document: keyString(key),
    generation: 1,
    hit: pack({ chunk: 0, termCount: 1, frequencies: new Map([[1, 1]]) }),
  };
  const hit = { id: chunkIdOf(key, 1, 0), score, payload };
  return {
    search: async (_, searches) =>
      searches.map((one) => ("using" in one && one.using === "terms" ? [{ id: "probe", score: Math.log(4) }] : [hit])),
    count: async () => 1,
    scroll: async () => ({ points: [], next: undefined }),
  };
}

test("what single precision adds to a cosine of 1 is taken off, and what no cosine can be is not made one", async () => {
  const similarityOf = async (score: number) =>
    (await searchCollection(serverThatScores(score), "c", queryFor([]), undefined)).hits[0]?.similarity;
  expect(await similarityOf(0.5)).toBe(0.5);
  expect(await similarityOf(1.000002)).toBe(1);
  expect(await similarityOf(1.001)).toBe(1.001);
});
