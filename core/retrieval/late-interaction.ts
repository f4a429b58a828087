import type { TokenOutputs } from "../ports/index.ts";

/** How well each token of a query is met by one passage: its best cosine over the passage's tokens, −1 … 1. */
export type TokenMatches = Float64Array;

/**
 * MaxSim (Khattab and Zaharia 2020, "ColBERT", section 3.2): for every token of the query the best cosine among the passage's token
 * outputs. Rows are unit vectors times 127, so a product of two is a cosine times 127².
 * @throws RangeError when both do not have the same number of dimensions
 */
export function tokenMatches(query: TokenOutputs, passage: TokenOutputs): TokenMatches {
  const { dimensions } = query;
  if (passage.dimensions !== dimensions) {
    throw new RangeError(`token outputs of ${passage.dimensions} dimensions against ${dimensions}`);
  }
  const q = query.vectors;
  const p = passage.vectors;
  const tokens = Math.floor(q.length / dimensions);
  const rows = Math.floor(p.length / dimensions);
  const matches = new Float64Array(tokens);
  for (let token = 0; token < tokens; token++) {
    let best = -127 * 127;
    const from = token * dimensions;
    for (let row = 0, at = 0; row < rows; row++, at += dimensions) {
      let sum = 0;
      for (let i = 0; i < dimensions; i++) sum += (q[from + i] ?? 0) * (p[at + i] ?? 0);
      if (sum > best) best = sum;
    }
    matches[token] = Math.max(-1, Math.min(1, best / (127 * 127)));
  }
  return matches;
}

/** The weighted mean of the matches; 0 without weight. */
export function weightedMatch(matches: TokenMatches, weights: readonly number[]): number {
  let sum = 0;
  let total = 0;
  for (let token = 0; token < matches.length; token++) {
    const weight = weights[token] ?? 0;
    sum += weight * (matches[token] ?? 0);
    total += weight;
  }
  return total > 0 ? sum / total : 0;
}
