import { keyString } from "../document.ts";
import type { IndexAnswer } from "../ports/index.ts";
import { highestPossible, inverseDocumentFrequency } from "../text/bm25.ts";
import type { RankedCandidate } from "./candidates.ts";
import { type HitText, termsOf } from "./hit-text.ts";
import { meanOf } from "./mean.ts";
import { hitsRead, lateDepth } from "./rank.ts";
import { round6 } from "./round.ts";
import { titleFeatures } from "./title-features.ts";
import { type MetTokens, tokenFeatures } from "./token-features.ts";
import { hasNumber, isNegated, type Wording, wordingOf } from "./wording.ts";

/**
 * What a confidence is made from, by name; every number depends on visible chunks alone. Kept in the trace. Which names there are depends
 * on the encoder alone: see {@link featureNames}.
 */
export type Features = Readonly<Record<string, number>>;

/** What features are computed from. */
export interface FeatureInput {
  /** In rank order. */
  readonly ranked: readonly RankedCandidate[];
  readonly statistics: IndexAnswer["statistics"];
  /** Neighbouring pairs of the query's terms, stop words left out. */
  readonly pairs: readonly (readonly [string, string])[];
  /** The query's terms, in the order of the statistics. */
  readonly terms: readonly string[];
  readonly wording: Wording;
  /** What the first hits say, in their order; the first {@link hitsRead} of `ranked` at most. */
  readonly hits: readonly HitText[];
  /** Absent for an encoder without token outputs. */
  readonly tokens?: MetTokens;
}

/** Computes every feature of one search, rounded to six decimals. */
export function featuresOf(input: FeatureInput): Features {
  const { statistics, ranked } = input;
  const idf = statistics.documentFrequency.map((frequency) => inverseDocumentFrequency(statistics.chunks, frequency));
  const features: Record<string, number> = {
    visible_chunks: statistics.chunks,
    query_terms: idf.length,
    ...similarityFeatures(ranked, statistics),
    ...lexicalFeatures(ranked, idf),
    ...coverageFeatures(input, idf),
    ...sentenceFeatures(input, idf),
    ...wordingFeatures(input, idf),
    ...pairFeatures(input, idf),
    ...agreementFeatures(ranked),
    ...titleFeatures(input, idf),
    ...(input.tokens === undefined ? {} : tokenFeatures(ranked, input.tokens)),
  };
  return Object.fromEntries(Object.entries(features).map(([name, value]) => [name, round6(value)]));
}

/** Names of the features of an encoder, in a fixed order. */
export function featureNames(tokenOutputs: boolean): readonly string[] {
  const statistics = { chunks: 0, documentFrequency: [], similarity: { mean: 0, deviation: 0 }, neighbours: null };
  const nothing = { ranked: [], statistics, pairs: [], terms: [], wording: wordingOf(""), hits: [] };
  const tokens = { words: [], weights: [], matches: [] };
  return Object.keys(featuresOf(tokenOutputs ? { ...nothing, tokens } : nothing));
}

/** A chunk with this share of the first one's similarity is as good as it. */
const rival = 0.95;

/** Cosines of the nearest chunks, how far they stand out from each other, from all visible ones and from their own neighbourhood. */
function similarityFeatures(ranked: readonly RankedCandidate[], statistics: IndexAnswer["statistics"]) {
  const sorted = ranked.map(({ similarity }) => similarity).toSorted((a, b) => b - a);
  const { mean, deviation } = statistics.similarity;
  // A place that nobody takes counts as an average chunk.
  const at = (place: number): number => sorted[place] ?? mean;
  const best = sorted.length === 0 ? 0 : at(0);
  const [top = 0, ...others] = ranked.slice(0, lateDepth).map(({ similarity }) => similarity);
  return {
    best_similarity: best,
    top_similarity: ranked[0]?.similarity ?? 0,
    similarity_mean_3: meanOf([0, 1, 2].map(at)),
    similarity_mean_10: meanOf(Array.from({ length: 10 }, (_, place) => at(place))),
    similarity_gap_2: best - at(1),
    similarity_gap_5: best - at(4),
    similarity_gap_10: best - at(9),
    // How many others are as near as the best one, within a twentieth.
    similarity_rivals: meanOf(others.map((value) => Number(value > rival * top))),
    similarity_above_mean: best - mean,
    // Below .02 the visible chunks are all alike, and a quotient would say more about rounding than about the query.
    similarity_deviations: (best - mean) / Math.max(deviation, 0.02),
    similarity_above_neighbours: statistics.neighbours === null ? 0 : best - statistics.neighbours,
  };
}

function lexicalFeatures(ranked: readonly RankedCandidate[], idf: readonly number[]) {
  const sorted = ranked.map(({ bm25 }) => bm25).toSorted((a, b) => b - a);
  const highest = highestPossible(idf);
  const share = (value: number): number => (highest > 0 ? Math.min(1, value / highest) : 0);
  const best = sorted[0] ?? 0;
  return {
    best_bm25: best,
    highest_bm25: highest,
    bm25_ratio: share(best),
    bm25_ratio_top: share(ranked[0]?.bm25 ?? 0),
    bm25_mean_3: share(meanOf([0, 1, 2].map((place) => sorted[place] ?? 0))),
    bm25_gap_2: share(best - (sorted[1] ?? 0)),
    bm25_gap_10: share(best - (sorted[9] ?? 0)),
  };
}

/** How much of the query's idf the best hit, any one of the first hits, one document, and all of them together hold. */
function coverageFeatures({ ranked, statistics }: FeatureInput, idf: readonly number[]) {
  const total = idf.reduce((sum, value) => sum + value, 0);
  const rarest = inverseDocumentFrequency(statistics.chunks, 0);
  const hits = ranked.slice(0, hitsRead).map(({ frequencies }) => idf.map((_, term) => (frequencies[term] ?? 0) > 0));
  const covered = (held: readonly boolean[]): number =>
    total > 0 ? idf.reduce((sum, value, term) => sum + (held[term] === true ? value : 0), 0) / total : 0;
  const rarestMissing = (held: readonly boolean[]): number =>
    rarest > 0
      ? idf.reduce((most, value, term) => (held[term] === true ? most : Math.max(most, value)), 0) / rarest
      : 0;
  const union = (list: readonly (readonly boolean[])[]) => idf.map((_, term) => list.some((held) => held[term]));
  const byDocument = new Map<string, (readonly boolean[])[]>();
  ranked.slice(0, hitsRead).forEach(({ key }, place) => {
    const name = keyString(key);
    byDocument.set(name, [...(byDocument.get(name) ?? []), hits[place] ?? []]);
  });
  const best = hits[0] ?? [];
  return {
    coverage_best: covered(best),
    coverage_any: hits.reduce((most, held) => Math.max(most, covered(held)), 0),
    coverage_document: [...byDocument.values()].reduce((most, list) => Math.max(most, covered(union(list))), 0),
    coverage_all: covered(union(hits)),
    coverage_mean_3: meanOf([0, 1, 2].map((place) => covered(hits[place] ?? []))),
    rarest_missing_best: rarestMissing(best),
    rarest_missing_any: hits.reduce((least, held) => Math.min(least, rarestMissing(held)), rarestMissing([])),
    rarest_missing_all: rarestMissing(union(hits)),
    missing_terms:
      idf.length === 0 ? 0 : statistics.documentFrequency.filter((count) => count === 0).length / idf.length,
  };
}

/** How much of the query's idf one sentence holds, together with the title and headings above it. */
function sentenceFeatures({ terms, hits }: FeatureInput, idf: readonly number[]) {
  const shares = hits.map((hit) => bestLexicalSentence(hit, terms, idf, hit.context).share);
  return {
    coverage_sentence: shares[0] ?? 0,
    coverage_sentence_any: shares.reduce((most, share) => Math.max(most, share), 0),
  };
}

/** The first of the sentences that hold most of the query's idf. */
function bestLexicalSentence(
  { sentences, written }: HitText,
  terms: readonly string[],
  idf: readonly number[],
  context: readonly string[] = [],
): { readonly share: number; readonly text: string } {
  const total = idf.reduce((sum, value) => sum + value, 0);
  let best = { share: -1, text: "" };
  sentences.forEach((sentence, place) => {
    const held = new Set([...context, ...sentence]);
    const sum = terms.reduce((all, term, at) => (held.has(term) ? all + (idf[at] ?? 0) : all), 0);
    const share = total > 0 ? sum / total : 0;
    if (share > best.share) best = { share, text: written[place] ?? "" };
  });
  return { ...best, share: Math.max(0, best.share) };
}

/** What the question names, counts, denies or asks to be counted, and the best hit does not. */
function wordingFeatures({ ranked, terms, wording, hits }: FeatureInput, idf: readonly number[]) {
  const [first] = ranked;
  const [hit] = hits;
  const total = idf.reduce((sum, value) => sum + value, 0);
  const lost = (term: string, at: number): boolean => wording.names.has(term) && !((first?.frequencies[at] ?? 0) > 0);
  const names = terms.reduce((sum, term, at) => (lost(term, at) ? sum + (idf[at] ?? 0) : sum), 0);
  const numbers = terms.map((term, at) => ({ term, at })).filter(({ term }) => wording.numbers.has(term));
  const denied = hit?.written.some(isNegated) === true;
  const counted = hit !== undefined && hasNumber(bestLexicalSentence(hit, terms, idf).text);
  return {
    missing_names: total > 0 ? names / total : 0,
    missing_numbers: meanOf(numbers.map(({ term, at }) => Number(lost(term, at)))),
    missing_negation: Number(wording.negated && !denied),
    missing_quantity: Number(wording.quantity && !counted),
  };
}

/** Neighbouring terms of the query that are neighbours in a hit, by the sum of their idf. */
function pairFeatures({ pairs, terms, hits }: FeatureInput, idf: readonly number[]) {
  const idfOf = (term: string): number => idf[terms.indexOf(term)] ?? 0;
  const weights = pairs.map(([a, b]) => idfOf(a) + idfOf(b));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = hits.map((hit) => {
    const words = termsOf(hit);
    const found = new Set(words.slice(1).map((word, place) => `${words[place]} ${word}`));
    const sum = pairs.reduce((held, [a, b], place) => held + (found.has(`${a} ${b}`) ? (weights[place] ?? 0) : 0), 0);
    return total > 0 ? sum / total : 0;
  });
  return { pairs_best: shares[0] ?? 0, pairs_any: shares.reduce((most, share) => Math.max(most, share), 0) };
}

/** Whether both halves name the same chunks. */
function agreementFeatures(ranked: readonly RankedCandidate[]) {
  const order = (value: (candidate: RankedCandidate) => number) =>
    ranked
      .map((candidate, place) => ({ place, value: value(candidate) }))
      .filter((item) => item.value > 0)
      .toSorted((a, b) => b.value - a.value || a.place - b.place)
      .map(({ place }) => place);
  const dense = order(({ similarity }) => similarity);
  const lexical = order(({ bm25 }) => bm25);
  const firstDense = new Set(dense.slice(0, hitsRead));
  const common = lexical.slice(0, hitsRead).filter((place) => firstDense.has(place)).length;
  const reciprocal = (places: readonly number[], place: number | undefined): number => {
    const at = place === undefined ? -1 : places.indexOf(place);
    return at < 0 ? 0 : 1 / (at + 1);
  };
  return {
    agreement: common / hitsRead,
    dense_best_in_lexical: reciprocal(lexical, dense[0]),
    lexical_best_in_dense: reciprocal(dense, lexical[0]),
  };
}
