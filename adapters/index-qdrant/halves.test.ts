import { expect, test } from "vitest";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import { keyOf } from "#test/kit/documents.ts";
import { cut } from "./halves.ts";
import type { Found } from "./points.ts";

const found = (id: string, score: number): Found => ({
  key: keyOf(id),
  generation: 1,
  chunkId: chunkIdOf(keyOf(id), 1, 0),
  chunk: 0,
  termCount: 1,
  frequencies: [],
  score,
});
const own = ({ score }: Found): number => score;
const ids = (list: readonly Found[] | undefined) => list?.map(({ key }) => key.id);

test("a cut through scores that further points may have as well is asked for again", () => {
  const points = [found("a", 0.9), found("b", 0.5), found("c", 0.5)];
  expect(cut(points, 3, 2, own)).toBeUndefined();
  expect(cut(points, 3, 1, own)).toMatchObject({ isComplete: false });
  // Within single precision of each other: which of them is larger is not known yet.
  expect(cut([found("a", 0.9), found("b", 0.5), found("c", 0.499999)], 3, 2, own)).toBeUndefined();
  expect(cut(points, 4, 2, own)).toMatchObject({ isComplete: true });
});

test("equal scores are ordered by document, and by the exact score before that", () => {
  const points = [found("c", 0.5), found("b", 0.5), found("a", 0.5), found("d", 0.4)];
  const half = cut(points, 10, 2, own);
  expect([ids(half?.found), ids(half?.beyond)]).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  const exact = new Map(points.map(({ key }, place) => [key.id, place]));
  expect(ids(cut(points, 10, 2, ({ key }) => exact.get(key.id) ?? 0)?.found)).toEqual(["d", "a"]);
});

test("what scores 0 or less is not found, and ends the list", () => {
  const half = cut([found("a", 0.2), found("b", 0), found("c", -0.3)], 3, 3, own);
  expect(half).toMatchObject({ beyond: [], isComplete: true });
  expect(ids(half?.found)).toEqual(["a"]);
});
