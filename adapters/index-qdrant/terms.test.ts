import { expect, test } from "vitest";
import { inverseDocumentFrequency, saturation } from "#core/text/bm25.ts";
import { chunksOf, containingOf, dimensionOf, frequenciesOf, sparseOf, sparseQuery, surelySized } from "./terms.ts";

/** The server's idf: the same formula in single precision. */
function serverIdf(chunks: number, containing: number): number {
  const f = Math.fround;
  return f(Math.log(f(f(f(f(f(chunks) - f(containing)) + 0.5) / f(f(containing) + 0.5)) + 1)));
}

test("the number of chunks with a term is read back exactly from a single-precision weight, up to a million chunks", () => {
  for (const chunks of [1, 2, 3, 10, 100, 4_711, 100_000, 1_000_000]) {
    for (const share of [0, 1e-6, 1e-3, 0.1, 0.3, 0.5, 0.9, 0.999, 1]) {
      for (const [frequency, termCount] of [
        [1, 100],
        [3, 57],
        [40, 900],
      ] as const) {
        const containing = Math.max(1, Math.round(chunks * share));
        const weight = Math.fround(Math.fround(saturation(frequency, termCount)) * serverIdf(chunks, containing));
        expect(containingOf(weight, frequency, termCount, chunks)).toBe(containing);
      }
    }
  }
});

test("the sparse product times the server's idf is our BM25", () => {
  const terms = new Map([
    ["sensor", 3],
    ["battery", 1],
  ]);
  const { indices, values } = sparseOf(frequenciesOf({ terms }), 80);
  const query = sparseQuery(["battery", "absent", "sensor"].map(dimensionOf));
  const weights = new Map(query.indices.map((index, place) => [index, (query.values[place] ?? 0) * 2]));
  const product = indices.reduce((sum, index, place) => sum + (values[place] ?? 0) * (weights.get(index) ?? 0), 0);
  expect(product).toBeCloseTo(2 * (saturation(3, 80) + saturation(1, 80)), 12);
  // Stated in the server's source as ln((N − n + 0.5) / (n + 0.5) + 1).
  expect(serverIdf(90, 7)).toBeCloseTo(inverseDocumentFrequency(90, 7), 6);
});

test("terms keep their dimension for good, every chunk has one that no term has, and a query names each once", () => {
  expect(dimensionOf("sensor")).toBe(dimensionOf("sensor"));
  expect(dimensionOf("sensor")).toBe(400_563_698);
  expect(dimensionOf("batterie")).not.toBe(dimensionOf("battery"));
  expect(sparseOf(new Map(), 0)).toEqual({ indices: [2 ** 31], values: [1] });
  expect(sparseQuery([5, 7, 5])).toEqual({ indices: [5, 7], values: [1, 1] });
});

test("the number of chunks is read back exactly from the idf of a term that none has, as far as it is believed", () => {
  for (const chunks of [0, 1, 2, 3, 10, 99, 2_048, 65_537, 100_000, 249_999, surelySized]) {
    expect(chunksOf(serverIdf(chunks, 0))).toBe(chunks);
    // Whatever the server's logarithm does with the last bit.
    for (const bit of [-1, 1]) expect(chunksOf(serverIdf(chunks, 0) + bit * 2 ** -20)).toBe(chunks);
  }
});
