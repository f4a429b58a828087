import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import { inReadingOrder, type ReadCandidate, withinBudget } from "./passages.ts";

function read(id: string, chunk: number, tokens = 10): ReadCandidate {
  const chunkId = `${id}-${chunk}`;
  return {
    candidate: candidate(id, chunk),
    text: { chunkId, text: "text", headingPath: [], startChar: 0, endChar: 4, tokens },
  };
}
const names = (items: readonly ReadCandidate[]) => items.map((item) => item.text.chunkId);

test("passages of one document come together and in the document's order, documents by their best passage", () => {
  expect(names(inReadingOrder([read("b", 7), read("a", 3), read("b", 2), read("a", 1)]))).toEqual([
    "b-2",
    "b-7",
    "a-1",
    "a-3",
  ]);
});

test("a budget takes whole passages in rank order, and a smaller one after one that does not fit", () => {
  const ranked = [read("a", 0, 60), read("b", 0, 50), read("c", 0, 40)];
  expect(names(withinBudget(ranked, 100))).toEqual(["a-0", "c-0"]);
  expect(names(withinBudget(ranked, 59))).toEqual(["b-0"]);
  expect(names(withinBudget(ranked, null))).toEqual(["a-0", "b-0", "c-0"]);
});
