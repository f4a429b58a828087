import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Filling } from "./filling.ts";

const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 });
const sum = (units: readonly number[]): number => units.reduce((total, unit) => total + unit, 0);

/** All groups, with the number of units that were measured on the way. */
function filled(units: readonly number[], measure: (units: readonly number[]) => number) {
  let measured = 0;
  const filling = new Filling<number>(20, (part) => {
    measured += part.length;
    return measure(part);
  });
  const groups = units.flatMap((unit) => [...filling.add(unit, measure([unit]))]);
  return { groups: [...groups, ...filling.end()], measured };
}

test("each group takes as many units as fit, and a unit over the limit stands alone", () => {
  fc.assert(
    fc.property(sizes, (units) => {
      const expected: number[][] = [];
      for (const unit of units) {
        const group = expected.at(-1);
        if (group !== undefined && sum(group) + unit <= 20) group.push(unit);
        else expected.push([unit]);
      }
      expect(filled(units, sum).groups.map((group) => group.units)).toEqual(expected);
    }),
  );
});

test("whether an encoder counts more or less for units together than apart, groups are measured, fit, and lose nothing", () => {
  const more = (units: readonly number[]): number => sum(units) + 3 * (units.length - 1);
  const less = (units: readonly number[]): number => Math.ceil(sum(units) * (units.length > 1 ? 0.6 : 1));
  fc.assert(
    fc.property(sizes, fc.constantFrom(more, less), (units, measure) => {
      const { groups } = filled(units, measure);
      expect(groups.flatMap((group) => group.units)).toEqual(units);
      for (const group of groups) {
        expect(group.tokens).toBe(measure(group.units));
        expect(group.units.length === 1 || group.tokens <= 20).toBe(true);
      }
    }),
  );
});

test("a unit is measured a few times, not once for each unit that follows", () => {
  const { measured } = filled(
    Array.from({ length: 2_000 }, () => 1),
    sum,
  );
  expect(measured).toBeLessThanOrEqual(4 * 2_000);
});
