import { expect, test } from "vitest";
import type { MemoryChunk } from "./rows.ts";
import { Space } from "./space.ts";

const chunk = (id: string, term: string): MemoryChunk => ({
  chunk: 0,
  chunkId: id,
  vector: Float32Array.of(1, 0),
  terms: new Map([[term, 2]]),
  termCount: 2,
});

test("slots of removed chunks are used again, and their postings are gone by then", () => {
  const space = new Space(2);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) space.add(`${round}/${i}`, [chunk(`${round}/${i}`, `term${round}`)]);
    for (let i = 0; i < 100; i++) space.remove(`${round}/${i}`);
  }
  expect(space.slots).toBeLessThan(600);
  expect(space.postings.of("term0")).toHaveLength(0);
  space.add("last", [chunk("last", "term0")]);
  const slot = space.generation("last")?.slots[0] ?? -1;
  expect([...space.postings.of("term0")]).toEqual([slot, 2]);
  expect(space.chunkIds[slot]).toBe("last");
});

test("a removed chunk's vector is erased at once", () => {
  const space = new Space(2);
  space.add("a", [chunk("a", "x")]);
  space.remove("a");
  space.remove("a");
  expect(space.vectors.every((value) => value === 0)).toBe(true);
  expect(space.generation("a")).toBeUndefined();
});
