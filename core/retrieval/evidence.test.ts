import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import type { ChunkText } from "../ports/index.ts";
import { weigh } from "./evidence.ts";
import { type TokenMatches, tokenMatches } from "./late-interaction.ts";
import { wordingOf } from "./wording.ts";

const tokens = {
  dimensions: 2,
  vectors: Int8Array.of(127, 0, 0, 127),
  words: ["north", "tower"],
  count: (text: string) => text.split(/\s+/u).filter((word) => word !== "").length,
};
const text = "north tower";
const question = {
  text,
  vector: Float32Array.of(1),
  terms: ["north", "tower"],
  pairs: [],
  wording: wordingOf(text),
  tokens,
};
const set = {
  candidates: [candidate("a", 0, { frequencies: [1, 1] }), candidate("b", 0, { frequencies: [1, 0] })],
  statistics: { chunks: 2, documentFrequency: [2, 1], similarity: { mean: 0, deviation: 0 }, neighbours: null },
};
const outputs = new Map([
  ["a-0", { dimensions: 2, vectors: Int8Array.of(127, 0) }],
  ["b-0", { dimensions: 2, vectors: Int8Array.of(90, 90, 0, 127) }],
]);
const texts = async (ids: readonly string[]): Promise<ReadonlyMap<string, ChunkText>> =>
  new Map(
    ids.map((chunkId) => [
      chunkId,
      { chunkId, text: "the north tower", headingPath: [], startChar: 0, endChar: 1, tokens: 3 },
    ]),
  );
const tokenOutputs = async () => outputs;
const matchTokens = async (): Promise<ReadonlyMap<string, TokenMatches>> =>
  new Map([...outputs].map(([id, passage]) => [id, tokenMatches(tokens, passage)]));

test("an index that matches tokens itself leads to the same evidence as one that hands its token outputs out", async () => {
  const handed = await weigh({ texts, tokenOutputs }, "print", set, question, 0.75);
  const asked = await weigh({ texts, tokenOutputs, matchTokens }, "print", set, question, 0.75);
  expect(asked).toEqual(handed);
  expect(handed).toMatchObject({ ranked: [{ chunkId: "b-0" }, { chunkId: "a-0" }] });
});

test("matches of a chunk that is gone mean that something was replaced", async () => {
  const gone = async () => new Map([...(await matchTokens())].slice(1));
  expect(await weigh({ texts, tokenOutputs, matchTokens: gone }, "print", set, question, 0.75)).toBe("replaced");
});

test("matches that cannot be are a broken index, never a rank", async () => {
  for (const bad of [[2, 0], [Number.NaN, 0], [-1.5, 0], [1], [1, 1, 1], []]) {
    const lying = async () => new Map([...(await matchTokens()), ["a-0", Float64Array.from(bad)]]);
    await expect(
      weigh({ texts, tokenOutputs, matchTokens: lying }, "print", set, question, 0.75),
    ).rejects.toMatchObject({
      code: "index-unavailable",
    });
  }
});

test("token outputs of the best hit that are gone mean that something was replaced; of other dimensions, that the index is broken", async () => {
  const seeing = (found: typeof outputs) =>
    weigh({ texts, tokenOutputs: async () => found, matchTokens }, "print", set, question, 0.75);
  expect(await seeing(new Map())).toBe("replaced");
  const other = new Map([["b-0", { dimensions: 1, vectors: Int8Array.of(127) }]]);
  await expect(seeing(other)).rejects.toMatchObject({ code: "index-unavailable" });
});
