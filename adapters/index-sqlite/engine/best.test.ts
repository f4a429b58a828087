import * as fc from "fast-check";
import { expect, test } from "vitest";
import { best } from "./best.ts";

test("the best numbers above a bound come first, equal ones in the order of their positions", () => {
  const number = fc.constantFrom(-1, 0, 0.25, 0.5, 0.5, 1, Number.NaN);
  const bound = fc.constantFrom(-2, -1, 0, 0.5);
  fc.assert(
    fc.property(
      fc.array(number, { maxLength: 60 }),
      fc.integer({ min: 0, max: 20 }),
      bound,
      (numbers, limit, above) => {
        const expected = [...numbers.keys()]
          .filter((position) => (numbers[position] ?? 0) > above)
          .toSorted((a, b) => (numbers[b] ?? 0) - (numbers[a] ?? 0) || a - b)
          .slice(0, limit);
        expect([...best(Float64Array.from(numbers), limit, above)]).toEqual(expected);
      },
    ),
  );
});
