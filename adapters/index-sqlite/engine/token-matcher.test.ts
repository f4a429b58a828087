import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { TokenOutputs } from "#core/ports/index.ts";
import { tokenMatches } from "#core/retrieval/late-interaction.ts";
import { TokenMatcher } from "./token-matcher.ts";

const outputs = (dimensions: number, most: number): fc.Arbitrary<TokenOutputs> =>
  fc
    .nat({ max: most })
    .chain((rows) => fc.int8Array({ minLength: rows * dimensions, maxLength: rows * dimensions }))
    .map((vectors) => ({ dimensions, vectors }));

test("matches are those of the reference to the last bit, whatever was matched before", () => {
  const matcher = new TokenMatcher();
  fc.assert(
    fc.property(
      fc
        .constantFrom(1, 15, 16, 17, 64, 100)
        .chain((size) => fc.tuple(outputs(size, 6), fc.array(outputs(size, 9), { maxLength: 5 }))),
      ([query, passages]) => {
        expect(matcher.match(query, passages)).toEqual(passages.map((passage) => tokenMatches(query, passage)));
      },
    ),
  );
});

test("long passages and extreme numbers are exact, and other dimensions a mistake", () => {
  const matcher = new TokenMatcher();
  for (const dimensions of [64, 4096, 5000]) {
    const query = { dimensions, vectors: new Int8Array(3 * dimensions).fill(-128) };
    const passage = { dimensions, vectors: new Int8Array(300 * dimensions).fill(127, 7 * dimensions) };
    expect(matcher.match(query, [passage, query])).toEqual([tokenMatches(query, passage), tokenMatches(query, query)]);
    expect(() => matcher.match(query, [passage, { ...passage, dimensions: 2 }])).toThrow(RangeError);
  }
});
