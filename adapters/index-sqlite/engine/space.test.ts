import { expect, test } from "vitest";
import { pack } from "./packed.ts";
import { Space } from "./space.ts";

const add = (space: Space, handle: number, id: string, term: string): void =>
  space.add(
    handle,
    Float32Array.of(1, 0),
    pack([{ chunk: 0, chunkId: id, terms: new Map([[term, 2]]), termCount: 2 }]),
  );

test("slots of removed chunks are used again, and their postings and terms are gone by then", () => {
  const space = new Space(2);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) add(space, round * 100 + i, `${round}/${i}`, `term${round}`);
    for (let i = 0; i < 100; i++) space.remove(round * 100 + i);
  }
  expect(space.slots).toBeLessThan(600);
  expect(space.postings.terms).toBeLessThan(6);
  expect(space.postings.of("term0")).toHaveLength(0);
  add(space, 9_000, "last", "term0");
  const slot = space.generation(9_000)?.[0] ?? -1;
  expect([...space.postings.of("term0")]).toEqual([slot, 2]);
  expect(space.chunkIds[slot]).toBe("last");
});

test("a removed chunk's vector is erased at once, and removing it again changes nothing", () => {
  const space = new Space(2);
  add(space, 1, "a", "x");
  space.remove(1);
  space.remove(1);
  expect([...space.exact.of(0)]).toEqual([0, 0]);
  expect(space.generation(1)).toBeUndefined();
});

test("a generation that is there already stays as it is; one with too few vectors or terms is refused", () => {
  const space = new Space(2);
  add(space, 1, "a", "x");
  add(space, 1, "b", "y");
  expect(space.chunkIds).toEqual(["a"]);
  const packed = pack([{ chunk: 0, chunkId: "c", terms: new Map(), termCount: 0 }]);
  expect(() => space.add(2, new Float32Array(0), packed)).toThrow("dimensions");
  expect(() => space.add(3, Float32Array.of(1, 0, 0, 1), packed)).toThrow("2 vectors");
  expect(() => space.add(4, Float32Array.of(1, 1), packed)).toThrow("length");
});
