import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pack, unpack } from "./packed.ts";

const dimension = fc.integer({ min: 0, max: 2 ** 31 - 1 });

test("a packed chunk says what was packed, and nothing of what was not", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 1_000_000 }),
      fc.nat({ max: 1_000_000 }),
      fc.uniqueArray(fc.tuple(dimension, fc.integer({ min: 1, max: 65_535 })), { selector: ([one]) => one }),
      fc.array(dimension),
      (chunk, termCount, entries, others) => {
        const frequencies = new Map(entries);
        const unpacked = unpack(pack({ chunk, termCount, frequencies }));
        expect([unpacked.chunk, unpacked.termCount]).toEqual([chunk, termCount]);
        for (const one of [...frequencies.keys(), ...others]) {
          expect(unpacked.frequencyOf(one)).toBe(frequencies.get(one) ?? 0);
        }
      },
    ),
  );
});

test("a frequency that does not fit is refused, and so is what was never packed", () => {
  for (const frequency of [0, 65_536, Number.NaN]) {
    expect(() => pack({ chunk: 0, termCount: 1, frequencies: new Map([[1, frequency]]) })).toThrow(RangeError);
  }
  for (const text of ["", "1,2", "1,,", "-1,2,", "1,2,AAAA", "a,b,"]) expect(() => unpack(text)).toThrow(Error);
});
