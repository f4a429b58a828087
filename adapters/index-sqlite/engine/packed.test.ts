import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type LexicalChunk, pack, termBytes, unpack } from "./packed.ts";

const term = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: fc.constantFrom("\ud800", "a", "é") }),
);
const count = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(0x7fffffff));
const chunks = fc.array(
  fc.record({
    chunk: fc.integer({ min: 0, max: 5_000 }),
    chunkId: fc.oneof(fc.uuid(), fc.string()),
    termCount: count,
    terms: fc.array(fc.tuple(term, count), { maxLength: 6 }).map((pairs) => new Map(pairs)),
  }),
  { maxLength: 5 },
);

/** What was packed, with terms as bytes in hex. */
function flat(all: readonly LexicalChunk[]): unknown[] {
  return all.map(({ chunk, chunkId, termCount, terms }) => [
    chunk,
    chunkId,
    termCount,
    [...terms].map(([one, frequency]) => [Buffer.from(termBytes(one)).toString("hex"), frequency]),
  ]);
}

function unpacked(bytes: Uint8Array): unknown[] {
  const found: [number, string, number, [string, number][]][] = [];
  unpack(bytes, {
    chunk: (number, chunkId, termCount) => found.push([number, chunkId, termCount, []]),
    term: (from, start, end, frequency) =>
      found.at(-1)?.[3].push([Buffer.from(from.subarray(start, end)).toString("hex"), frequency]),
  });
  return found;
}

test("what is packed comes back, every term as bytes of its own", () => {
  fc.assert(
    fc.property(chunks, (all) => {
      expect(unpacked(pack(all))).toEqual(flat(all));
      for (const { terms } of all) {
        const bytes = [...terms.keys()].map((one) => Buffer.from(termBytes(one)).toString("hex"));
        expect(new Set(bytes).size).toBe(terms.size);
      }
    }),
  );
});

test("bytes that end within a chunk are refused", () => {
  const whole = pack([{ chunk: 1, chunkId: "id", termCount: 2, terms: new Map([["sensor", 2]]) }]);
  for (let length = 1; length < whole.length; length++) {
    expect(() => unpacked(whole.subarray(0, length))).toThrow("too early");
  }
});
