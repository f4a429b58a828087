import { expect, test } from "vitest";
import { chunkIdOf } from "./chunk-id.ts";

test("a chunk's id is a UUIDv5 that never changes: stored chunks are found by it", () => {
  const key = { tenant: "halden", source: "wiki", id: "it/büro.md" };
  expect(chunkIdOf(key, 3, 14)).toBe("3ab026aa-20a6-5189-9c40-7caad8e7f64a");
});

test("every part counts, and no two parts run into each other", () => {
  const ids = [
    chunkIdOf({ tenant: "a", source: "b", id: "c" }, 1, 2),
    chunkIdOf({ tenant: "ab", source: "", id: "c" }, 1, 2),
    chunkIdOf({ tenant: "a", source: "bc", id: "" }, 1, 2),
    chunkIdOf({ tenant: "a", source: "b", id: "c1" }, 1, 2),
    chunkIdOf({ tenant: "a", source: "b", id: "c" }, 12, 2),
    chunkIdOf({ tenant: "a", source: "b", id: "c" }, 1, 12),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});
