import { expect, test } from "vitest";
import { bestSentence, passageRows } from "./best-sentence.ts";

const outputs = (...rows: (readonly number[])[]) => ({ dimensions: 3, vectors: Int8Array.from(rows.flat()) });
const [north, tower, other] = [
  [127, 0, 0],
  [0, 127, 0],
  [0, 0, 127],
] as const;
const query = outputs(north, tower);
const count = (text: string): number => text.split(/\s+/u).filter((word) => word !== "").length;
const context = { title: "Title", headingPath: ["A heading"] };

test("rows follow the order of embedding: title and headings, then the sentences", () => {
  const sentences = ["One two three four five six. ", "Seven eight nine ten eleven twelve."];
  expect(passageRows(context, sentences, 15, count)).toEqual({
    context: 3,
    sentences: [
      [3, 9],
      [9, 15],
    ],
  });
});

test("a short sentence counts with the next one, and what the encoder cut off has no rows", () => {
  const sentences = ["Yes. ", "Two three four five six seven. ", "Eight nine ten eleven twelve thirteen."];
  expect(passageRows(context, sentences, 12, count).sentences).toEqual([
    [3, 10],
    [10, 12],
  ]);
  expect(passageRows(context, sentences, 2, count)).toEqual({ context: 2, sentences: [[0, 2]] });
  expect(passageRows(context, [], 0, count)).toEqual({ context: 0, sentences: [[0, 0]] });
});

test("words that are met in two sentences are not met in one", () => {
  const passage = outputs(north, other, other, tower);
  const rows = (...sentences: (readonly [number, number])[]) => ({ context: 0, sentences });
  expect([...bestSentence(query, passage, rows([0, 4]), [1, 1]).matches]).toEqual([1, 1]);
  expect([...bestSentence(query, passage, rows([0, 2], [2, 4]), [1, 2]).matches]).toEqual([0, 1]);
});

test("title and headings say what every sentence is about", () => {
  const passage = outputs(north, other, tower);
  const rows = { context: 1, sentences: [[1, 2] as const, [2, 3] as const] };
  expect([...bestSentence(query, passage, rows, [1, 1]).matches]).toEqual([1, 1]);
});

test("what the sentence says beyond the question is the share of its tokens that no token of the query meets", () => {
  const passage = outputs(other, north, other, other, tower);
  const rows = { context: 1, sentences: [[1, 5] as const] };
  expect(bestSentence(query, passage, rows, [1, 1]).beyond).toBe(0.5);
  expect(bestSentence(query, outputs(), { context: 0, sentences: [[0, 0]] }, [1, 1])).toEqual({
    matches: Float64Array.of(-1, -1),
    beyond: 0,
  });
});

test("token outputs of another model are refused", () => {
  const passage = { dimensions: 2, vectors: Int8Array.of(127, 0) };
  expect(() => bestSentence(query, passage, { context: 0, sentences: [[0, 1]] }, [1, 1])).toThrow(RangeError);
});
