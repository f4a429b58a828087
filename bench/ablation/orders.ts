import { candidateDepth } from "#core/retrieval/candidates.ts";
import { lateWeight } from "#core/retrieval/rank.ts";
import type { CandidateRow } from "#services/cli/eval/asking.ts";

/** Documents of an order that figures look at. */
export const depth = 10;

/** The constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009). */
const reciprocalConstant = 60;

type Order = (rows: readonly CandidateRow[]) => readonly CandidateRow[];

const by =
  (value: (row: CandidateRow) => number): Order =>
  (rows) =>
    rows.toSorted((a, b) => value(b) - value(a) || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));

const bm25: Order = (rows) => by((row) => row[2])(rows).filter((row) => row[2] > 0);
const dense = by((row) => row[1]);
const fused = by((row) => row[3]);

/** 1 / (60 + rank) in each half, as far down as the halves are searched. */
const reciprocal: Order = (rows) => {
  const shares = new Map<CandidateRow, number>();
  for (const half of [bm25(rows), dense(rows)]) {
    half.slice(0, candidateDepth).forEach((row, place) => {
      shares.set(row, (shares.get(row) ?? 0) + 1 / (reciprocalConstant + place + 1));
    });
  }
  return by((row) => shares.get(row) ?? 0)(rows);
};

/** What late interaction looked at first, by fused value and its own; the others keep their places behind. */
const late: Order = (rows) => [
  ...by((row) => row[3] + lateWeight * (row[4] ?? 0))(rows.filter((row) => row[4] !== null)),
  ...fused(rows.filter((row) => row[4] === null)),
];

/** Ways to rank the same candidates, by their names in the report. */
export const orders = { bm25, dense, reciprocal, fused, late } as const satisfies Readonly<Record<string, Order>>;
export type OrderName = keyof typeof orders;
/** The names of {@link orders}, typed. */
export const orderNames: readonly OrderName[] = ["bm25", "dense", "reciprocal", "fused", "late"];

/**
 * The first documents of an order, each once at its best chunk.
 * @param tenants candidates per tenant, the leading one first; the tenants are not mixed, as the evaluation does not mix them either
 */
export function documentsBy(order: OrderName, tenants: readonly (readonly CandidateRow[])[]): readonly string[] {
  const names = tenants.flatMap((rows) => orders[order](rows).map(([document]) => document));
  return [...new Set(names)].slice(0, depth);
}
