import { z } from "zod";
import type { Item } from "./figures.ts";

/**
 * A judged answer as a report keeps it, so that another run can be compared query by query: no text, no document's name.
 * In this order: query, user (or null), group that the intervals resample, kind, answerable, confidence, result (`answered`, the reason of
 * an abstention, or `error`), number of relevant documents, and the ranks (1 = first) of those among the first ten.
 */
export const storedItemSchema = z.tuple([
  z.string(),
  z.string().nullable(),
  z.string(),
  z.string(),
  z.boolean(),
  z.number(),
  z.string(),
  z.int().nonnegative(),
  z.array(z.int().min(1)),
]);
export type StoredItem = z.infer<typeof storedItemSchema>;

/** Deepest rank that any figure looks at. */
const ranksKept = 10;

/** What is kept of a judged answer. */
export function storedItem(item: Item): StoredItem {
  const wanted = new Set(item.relevant);
  const ranks = item.hits.slice(0, ranksKept).flatMap((id, at) => (wanted.has(id) ? [at + 1] : []));
  return [item.query, item.user, item.cluster, item.kind, item.answerable, item.score, item.result, wanted.size, ranks];
}

/** The judged answer behind what was kept of it: its figures are the same, its documents have made-up names. */
export function itemOfStored(stored: StoredItem): Item {
  const [query, user, cluster, kind, answerable, score, result, count, ranks] = stored;
  const hits = Array.from({ length: ranks.at(-1) ?? 0 }, (_, at) => `other-${at}`);
  const relevant = Array.from({ length: count }, (_, at) => `relevant-${at}`);
  for (const [at, rank] of ranks.entries()) hits[rank - 1] = `relevant-${at}`;
  return { query, user, cluster, kind, answerable, score, result, answered: result === "answered", hits, relevant };
}
