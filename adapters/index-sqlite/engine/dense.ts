import { neighbourCount } from "#core/ports/index.ts";
import { round6 } from "#core/retrieval/round.ts";
import { best } from "./best.ts";
import { inBlocks } from "./blocks.ts";
import type { Selection } from "./selection.ts";
import type { Space } from "./space.ts";
import { cosine } from "./vectors.ts";

/** Coarse candidates that are scored exactly, per hit that is wanted: enough for the exact best to be among them. */
const oversampling = 2;
/** Scored exactly at least: a few hits cost next to nothing, and ties in the coarse copy are most likely among few. */
const fewest = 200;

/** What the dense half found; to be used before the next search in the same space. */
export interface DenseResult {
  /** Positions of the best exact cosines above 0, best first. */
  readonly found: readonly number[];
  /** The exact cosine of a position; computed when it is not known yet. */
  exactOf(position: number): number;
  /** Whether a position that was not found could have a cosine above 0. */
  mayBelong(position: number): boolean;
  readonly similarity: { readonly mean: number; readonly deviation: number };
}

/**
 * Scans the int8 copy of the selection, scores the best of it exactly, and returns the best of those. Whatever is summed or cut
 * follows the positions, and every number depends on the selected vectors alone.
 */
export function searchDense(space: Space, selection: Selection, query: Float32Array, limit: number): DenseResult {
  const { slots } = selection;
  const coarse = space.coarse.coarse(query);
  const products = space.scratch.products.take(slots.length);
  space.coarse.scan(coarse, slots, products);
  // In units of the products, below which no exact cosine can be above 0.
  const possible = coarse.scale > 0 ? -coarse.error / coarse.scale : Number.NEGATIVE_INFINITY;
  const exact = new Map<number, number>();
  const exactOf = (position: number): number => {
    let value = exact.get(position);
    if (value === undefined) {
      value = cosine(space.exact.of(slots[position] ?? 0), query);
      exact.set(position, value);
    }
    return value;
  };
  const candidates = best(products, Math.max(fewest, oversampling * limit), possible);
  const found = bestExact(candidates, exactOf)
    .filter(([, value]) => value > 0)
    .slice(0, limit);
  return {
    found: found.map(([position]) => position),
    exactOf,
    mayBelong: (position) => (exact.has(position) ? exactOf(position) > 0 : (products[position] ?? 0) > possible),
    similarity: spread(products, coarse.scale),
  };
}

/**
 * Mean exact cosine of the chunk at a position with its nearest chunks of other documents, or `null` when there are none.
 */
export function neighbours(space: Space, { slots, owners }: Selection, position: number): number | null {
  const centre = space.exact.of(slots[position] ?? 0);
  const products = space.scratch.neighbours.take(slots.length);
  space.coarse.scan(space.coarse.coarse(centre), slots, products);
  // The chunks of a document stand side by side.
  const owner = owners[position];
  for (let other = position; other >= 0 && owners[other] === owner; other--) products[other] = Number.NEGATIVE_INFINITY;
  for (let other = position; other < owners.length && owners[other] === owner; other++) {
    products[other] = Number.NEGATIVE_INFINITY;
  }
  const candidates = best(products, fewest, Number.NEGATIVE_INFINITY);
  const nearest = bestExact(candidates, (other) => cosine(space.exact.of(slots[other] ?? 0), centre)).slice(
    0,
    neighbourCount,
  );
  if (nearest.length === 0) return null;
  return round6(nearest.reduce((sum, [, value]) => sum + value, 0) / nearest.length);
}

/** Positions with their exact cosines, best first, equal ones in the order of their positions. */
function bestExact(positions: Int32Array, exactOf: (position: number) => number): [number, number][] {
  return [...positions]
    .map((position): [number, number] => [position, exactOf(position)])
    .toSorted(([p, a], [q, b]) => b - a || p - q);
}

/** Mean and standard deviation of the coarse cosines, summed in the order of the positions. */
function spread(products: Float64Array, scale: number): DenseResult["similarity"] {
  if (products.length === 0) return { mean: 0, deviation: 0 };
  const sums = new Float64Array(4);
  inBlocks(products.length, (from, to) => addUp(products, from, to, sums));
  const sum = (sums[0] ?? 0) + (sums[1] ?? 0);
  const squares = (sums[2] ?? 0) + (sums[3] ?? 0);
  const mean = sum / products.length;
  const variance = Math.max(0, squares / products.length - mean * mean);
  return { mean: round6(mean * scale), deviation: round6(Math.sqrt(variance) * scale) };
}

/** Adds to the sums of even and of odd places, then to those of their squares: in a fixed order, and additions do not wait for each other. */
function addUp(products: Float64Array, from: number, to: number, sums: Float64Array): void {
  let evenSum = sums[0] ?? 0;
  let oddSum = sums[1] ?? 0;
  let evenSquares = sums[2] ?? 0;
  let oddSquares = sums[3] ?? 0;
  for (let position = from; position < to; position += 2) {
    const even = products[position] ?? 0;
    const odd = position + 1 < to ? (products[position + 1] ?? 0) : 0;
    evenSum += even;
    oddSum += odd;
    evenSquares += even * even;
    oddSquares += odd * odd;
  }
  sums[0] = evenSum;
  sums[1] = oddSum;
  sums[2] = evenSquares;
  sums[3] = oddSquares;
}
