import { expect, test } from "vitest";
import { tokenMatches, weightedMatch } from "./late-interaction.ts";

const outputs = (...rows: number[][]) => ({ dimensions: 2, vectors: Int8Array.from(rows.flat()) });

test("each token of the query takes its best cosine among the passage's tokens", () => {
  const query = outputs([127, 0], [0, 127], [-127, 0]);
  const passage = outputs([127, 0], [90, 90]);
  const [first, second, third] = tokenMatches(query, passage);
  expect(first).toBe(1);
  expect(second).toBeCloseTo(90 / 127, 6);
  expect(third).toBeCloseTo(-90 / 127, 6);
});

test("a passage without tokens matches nothing, and other dimensions are a mistake", () => {
  expect([...tokenMatches(outputs([127, 0]), outputs())]).toEqual([-1]);
  expect(() => tokenMatches(outputs([127, 0]), { dimensions: 1, vectors: new Int8Array(2) })).toThrow(RangeError);
});

test("heavy tokens count more, and no weight at all is no match", () => {
  const matches = Float64Array.of(1, 0);
  expect(weightedMatch(matches, [3, 1])).toBe(0.75);
  expect(weightedMatch(matches, [0, 0])).toBe(0);
});
