import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Int8Slab } from "./int8-slab.ts";
import type { ScanKind } from "./scan.ts";
import { cosine } from "./vectors.ts";

const kinds: readonly ScanKind[] = ["relaxed-simd", "simd", "javascript"];
const value = fc.oneof(fc.float({ min: -1, max: 1, noNaN: true }), fc.constantFrom(0, 1, -1, 1e-30));
/** Unit vectors of one length, awkward ones included. */
const vectors = fc.integer({ min: 1, max: 70 }).chain((dimensions) =>
  fc.array(
    fc
      .array(value, { minLength: dimensions, maxLength: dimensions })
      .filter((numbers) => Math.hypot(...numbers) > 1e-3)
      .map((numbers) => Float32Array.from(numbers, (one) => one / Math.hypot(...numbers))),
    { minLength: 2, maxLength: 12 },
  ),
);

function scanned(kind: ScanKind, query: Float32Array, rows: readonly Float32Array[], listed: Int32Array): Float64Array {
  const slab = new Int8Slab(query.length, kind);
  slab.reserve(rows.length);
  for (const [row, vector] of rows.entries()) slab.set(row, vector, 0);
  const out = new Float64Array(listed.length);
  slab.scan(slab.coarse(query), listed, out);
  return out;
}

test("relaxed SIMD, SIMD and plain JavaScript give the same bits", () => {
  fc.assert(
    fc.property(vectors, ([query, ...rows]) => {
      if (query === undefined) return;
      const listed = Int32Array.from(rows.keys()).toReversed();
      const [reference] = kinds.slice(-1).map((kind) => scanned(kind, query, rows, listed));
      for (const kind of kinds) expect(scanned(kind, query, rows, listed)).toEqual(reference);
    }),
    { numRuns: 60 },
  );
});

test("a coarse cosine is no further from the exact one than the query says", () => {
  fc.assert(
    fc.property(vectors, ([query, ...rows]) => {
      if (query === undefined) return;
      const slab = new Int8Slab(query.length);
      const coarse = slab.coarse(query);
      const products = scanned(slab.kind, query, rows, Int32Array.from(rows.keys()));
      for (const [row, vector] of rows.entries()) {
        const distance = Math.abs((products[row] ?? Number.NaN) * coarse.scale - cosine(vector, query));
        expect(distance).toBeLessThanOrEqual(coarse.error);
      }
    }),
    { numRuns: 60 },
  );
});

test("a row's product is the same whatever the other rows, its own row, and the batch that it falls into", () => {
  const dimensions = 20;
  const wave = (step: number): Float32Array => {
    const numbers = Float32Array.from({ length: dimensions }, (_, i) => Math.sin(step * (i + 1)));
    return numbers.map((one) => one / Math.hypot(...numbers));
  };
  const slab = new Int8Slab(dimensions);
  slab.reserve(10_000);
  for (let row = 0; row < 10_000; row++) slab.set(row, wave(row % 7 === 3 ? 3 : row + 0.5), 0);
  const out = new Float64Array(10_000);
  slab.scan(slab.coarse(wave(1)), Int32Array.from(out.keys()), out);
  const same = new Set(out.filter((_, row) => row % 7 === 3));
  expect(same.size).toBe(1);
  expect([...same]).toEqual([...scanned(slab.kind, wave(1), [wave(3)], Int32Array.of(0))]);
});

test("an erased row holds nothing any more", () => {
  const slab = new Int8Slab(4);
  slab.reserve(1);
  slab.set(0, Float32Array.of(1, 0, 0, 0), 0);
  slab.erase(0);
  const out = new Float64Array(1);
  slab.scan(slab.coarse(Float32Array.of(1, 0, 0, 0)), Int32Array.of(0), out);
  expect([...out]).toEqual([0]);
});
