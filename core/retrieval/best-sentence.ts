import type { TokenOutputs } from "../ports/index.ts";
import { embeddingInput } from "../text/chunk.ts";
import { type TokenMatches, weightedMatch } from "./late-interaction.ts";

/** How well one sentence of a passage meets a query. */
export interface SentenceMatch {
  /** Best cosine of each token of the query over the tokens of the sentence, and of title and headings. */
  readonly matches: TokenMatches;
  /** Share of the sentence's own tokens that no token of the query meets, 0 … 1: what it says beyond the question. */
  readonly beyond: number;
}

/** Below this cosine two tokens say different things. */
const unmetBelow = 0.5;
/** A shorter sentence counts with the next one. */
const shortestSentence = 6;

/** Where the rows of a passage's token outputs begin and end: those of title and headings, and those of each sentence. */
export interface PassageRows {
  readonly context: number;
  readonly sentences: readonly (readonly [from: number, to: number])[];
}

/**
 * Finds the rows of each sentence by counting tokens, in the order in which a chunk is embedded: title and headings, then the text.
 * @param rows of the passage; what the encoder cut off has none
 * @param count tokens of a text as the encoder counts them
 */
export function passageRows(
  context: { readonly title: string; readonly headingPath: readonly string[] },
  sentences: readonly string[],
  rows: number,
  count: (text: string) => number,
): PassageRows {
  const first = Math.min(rows, count(embeddingInput(context.title, context.headingPath, "")));
  const spans: (readonly [number, number])[] = [];
  let from = first;
  let at = first;
  for (const sentence of sentences) {
    at = Math.min(rows, at + count(sentence));
    if (at - from < shortestSentence) continue;
    spans.push([from, at]);
    from = at;
  }
  if (from < rows) spans.push([from, rows]);
  return { context: first, sentences: spans.length > 0 ? spans : [[0, rows]] };
}

/**
 * The sentence of a passage that meets a query best, by MaxSim over its own tokens: an answer stands in one place, while a whole
 * passage may meet each word of a question somewhere.
 * @param weights of the query's tokens, ≥ 0
 * @throws RangeError when both do not have the same number of dimensions
 */
export function bestSentence(
  query: TokenOutputs,
  passage: TokenOutputs,
  { context, sentences }: PassageRows,
  weights: readonly number[],
): SentenceMatch {
  const cosines = cosinesOf(query, passage);
  const tokens = weights.length;
  const within = (from: number, to: number): TokenMatches =>
    Float64Array.from(weights, (_, token) => {
      let best = -1;
      for (let row = from; row < to; row++) best = Math.max(best, cosines[row * tokens + token] ?? -1);
      return best;
    });
  let matches: TokenMatches = new Float64Array(tokens);
  let span: readonly [number, number] = [0, 0];
  let most = Number.NEGATIVE_INFINITY;
  for (const [from, to] of sentences) {
    const found = within(from, to);
    const mean = weightedMatch(found, weights);
    if (mean <= most) continue;
    [matches, span, most] = [found, [from, to], mean];
  }
  const around = within(0, context);
  let unmet = 0;
  for (let row = span[0]; row < span[1]; row++) {
    let best = -1;
    for (let token = 0; token < tokens; token++) best = Math.max(best, cosines[row * tokens + token] ?? -1);
    if (best < unmetBelow) unmet++;
  }
  return {
    matches: matches.map((value, token) => Math.max(value, around[token] ?? -1)),
    beyond: span[1] > span[0] ? unmet / (span[1] - span[0]) : 0,
  };
}

/** The cosine of each row of the passage with each token of the query, row by row. */
function cosinesOf({ dimensions, vectors: q }: TokenOutputs, passage: TokenOutputs): Float64Array {
  if (passage.dimensions !== dimensions) {
    throw new RangeError(`token outputs of ${passage.dimensions} dimensions against ${dimensions}`);
  }
  const p = passage.vectors;
  const tokens = Math.floor(q.length / dimensions);
  const rows = Math.floor(p.length / dimensions);
  const cosines = new Float64Array(rows * tokens);
  for (let row = 0, out = 0; row < rows; row++) {
    for (let token = 0; token < tokens; token++, out++) {
      let sum = 0;
      for (let i = 0, a = row * dimensions, b = token * dimensions; i < dimensions; i++, a++, b++) {
        sum += (p[a] ?? 0) * (q[b] ?? 0);
      }
      cosines[out] = Math.max(-1, Math.min(1, sum / (127 * 127)));
    }
  }
  return cosines;
}
