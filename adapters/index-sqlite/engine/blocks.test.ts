import { expect, test } from "vitest";
import { blockLength, inBlocks } from "./blocks.ts";

test("every number is in one block, in order, and blocks start at even places", () => {
  for (const length of [0, 1, blockLength - 1, blockLength, blockLength + 1, 3 * blockLength + 7]) {
    const seen: number[] = [];
    inBlocks(length, (from, to) => {
      expect(from % 2).toBe(0);
      for (let at = from; at < to; at++) seen.push(at);
    });
    expect(seen).toEqual(Array.from({ length }, (_, at) => at));
  }
});
