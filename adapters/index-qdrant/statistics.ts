import { keyString } from "#core/document.ts";
import { type IndexAnswer, neighbourCount } from "#core/ports/index.ts";
import { round6 } from "#core/retrieval/round.ts";
import { type AllOf, also, is, within } from "./filter.ts";
import type { Found } from "./points.ts";
import { dense } from "./schema.ts";
import type { Scored, VectorSearch } from "./server.ts";

/** Up to this many chunks of the filter all are compared with the query; beyond, about as many of them. */
export const spreadChunks = 2_048;

type Spread = IndexAnswer["statistics"]["similarity"];

/**
 * Asks for the similarities that mean and deviation are taken over: of all chunks of the filter, or of a sample of them that is the same as long as
 * their number is. Which chunks are in it depends on their own ids and on the filter's number of chunks alone.
 */
export function spreadSearch(vector: number[], filter: AllOf, chunks: number): VectorSearch {
  const share = spreadChunks / chunks;
  const sampled = share >= 1 ? filter : also(filter, [within("sample", { lt: Math.floor(share * 2 ** 31) })]);
  // A sample can come out larger than meant, by a few times the root of its size.
  const limit = share >= 1 ? chunks : spreadChunks + 8 * Math.ceil(Math.sqrt(spreadChunks));
  return { query: vector, using: dense, filter: sampled, params: { exact: true }, limit, with_payload: false };
}

/** Mean and standard deviation; 0 and 0 of nothing. */
export function spreadOf(points: readonly Pick<Scored, "score">[]): Spread {
  if (points.length === 0) return { mean: 0, deviation: 0 };
  const mean = points.reduce((sum, { score }) => sum + score, 0) / points.length;
  const variance = points.reduce((sum, { score }) => sum + (score - mean) ** 2, 0) / points.length;
  return { mean: round6(mean), deviation: round6(Math.sqrt(variance)) };
}

/** Asks for the nearest chunks of other documents around a chunk. */
export function neighbourSearch(centre: Found, filter: AllOf, exact: boolean): VectorSearch {
  const others = also(filter, [], [is("document", keyString(centre.key))]);
  return {
    query: centre.chunkId,
    using: dense,
    filter: others,
    params: { exact },
    limit: neighbourCount,
    with_payload: false,
  };
}

/** Their mean similarity with it, or `null` without any. */
export function densityOf(points: readonly Pick<Scored, "score">[]): number | null {
  if (points.length === 0) return null;
  return round6(points.reduce((sum, { score }) => sum + score, 0) / points.length);
}
