import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import { rank, rerank } from "./rank.ts";
import { round6 } from "./round.ts";

const denseWeight = 0.4;

test("the fused order weighs the raw cosine and the BM25 relative to the best one", () => {
  const ranked = rank(
    [candidate("a", 0, { similarity: 0.2, bm25: 4 }), candidate("b", 0, { similarity: 0.8, bm25: 1 })],
    denseWeight,
  );
  expect(ranked.map((item) => [item.key.id, item.fused])).toEqual([
    ["a", round6(denseWeight * 0.2 + (1 - denseWeight))],
    ["b", round6(denseWeight * 0.8 + (1 - denseWeight) * 0.25)],
  ]);
});

test("without any lexical hit the cosine alone decides, and ties go by document and chunk, not by arrival", () => {
  const items = [
    candidate("b", 1, { similarity: 0.4, bm25: 0 }),
    candidate("b", 0, { similarity: 0.4, bm25: 0 }),
    candidate("a", 5, { similarity: 0.4, bm25: 0 }),
    candidate("c", 0, { similarity: 0.5, bm25: 0 }),
  ];
  const order = (list: typeof items) => rank(list, denseWeight).map((item) => item.chunkId);
  expect(order(items)).toEqual(["c-0", "a-5", "b-0", "b-1"]);
  expect(order(items.toReversed())).toEqual(order(items));
});

test("late interaction orders the first candidates again, and leaves the others behind them", () => {
  const ranked = rank(
    [candidate("a", 0, { similarity: 0.6 }), candidate("b", 0), candidate("c", 0, { similarity: 0.4 })],
    0.4,
  );
  const again = rerank(ranked, [0.1, 0.9]);
  expect(again.map((item) => [item.key.id, item.late])).toEqual([
    ["b", 0.9],
    ["a", 0.1],
    ["c", null],
  ]);
});
