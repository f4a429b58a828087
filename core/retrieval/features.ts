import { keyString } from "../document.ts";
import type { IndexAnswer } from "../ports/index.ts";
import { highestPossible, inverseDocumentFrequency } from "../text/bm25.ts";
import type { RankedCandidate } from "./candidates.ts";
import type { TokenMatches } from "./late-interaction.ts";
import { weightedMatch } from "./late-interaction.ts";
import { round6 } from "./round.ts";

/** Hits that speak for a query beside the best one. */
export const hitsRead = 10;

/**
 * What a confidence is made from, by name; every number depends on visible chunks alone. Kept in the trace. Which names there are depends
 * on the encoder alone: see {@link featureNames}.
 */
export type Features = Readonly<Record<string, number>>;

/** Query tokens of an encoder that gives token outputs, as far as one search met them. */
export interface MetTokens {
  /** Weight of each query token, ≥ 0: the idf of its word over the filter. */
  readonly weights: readonly number[];
  /** Matches of the first candidates, in their order. */
  readonly matches: readonly TokenMatches[];
}

/** What features are computed from. */
export interface FeatureInput {
  /** In rank order. */
  readonly ranked: readonly RankedCandidate[];
  readonly statistics: IndexAnswer["statistics"];
  /** Neighbouring pairs of the query's terms, stop words left out. */
  readonly pairs: readonly (readonly [string, string])[];
  /** The query's terms, in the order of the statistics. */
  readonly terms: readonly string[];
  /** Analysed words of the first hits, stop words left out, in their order; the first {@link hitsRead} of `ranked` at most. */
  readonly hitTerms: readonly (readonly string[])[];
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
    ...pairFeatures(input, idf),
    ...agreementFeatures(ranked),
    ...titleFeatures(ranked),
    ...(input.tokens === undefined ? {} : tokenFeatures(input.tokens)),
  };
  return Object.fromEntries(Object.entries(features).map(([name, value]) => [name, round6(value)]));
}

/** Names of the features of an encoder, in a fixed order. */
export function featureNames(tokenOutputs: boolean): readonly string[] {
  const statistics = { chunks: 0, documentFrequency: [], similarity: { mean: 0, deviation: 0 }, neighbours: null };
  const nothing = { ranked: [], statistics, pairs: [], terms: [], hitTerms: [] };
  return Object.keys(featuresOf(tokenOutputs ? { ...nothing, tokens: { weights: [], matches: [] } } : nothing));
}

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Cosines of the nearest chunks, how far they stand out from each other, from all visible ones and from their own neighbourhood. */
function similarityFeatures(ranked: readonly RankedCandidate[], statistics: IndexAnswer["statistics"]) {
  const sorted = ranked.map(({ similarity }) => similarity).toSorted((a, b) => b - a);
  const { mean, deviation } = statistics.similarity;
  // A place that nobody takes counts as an average chunk.
  const at = (place: number): number => sorted[place] ?? mean;
  const best = sorted.length === 0 ? 0 : at(0);
  return {
    best_similarity: best,
    top_similarity: ranked[0]?.similarity ?? 0,
    similarity_mean_3: meanOf([0, 1, 2].map(at)),
    similarity_mean_10: meanOf(Array.from({ length: 10 }, (_, place) => at(place))),
    similarity_gap_2: best - at(1),
    similarity_gap_5: best - at(4),
    similarity_gap_10: best - at(9),
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

/** Neighbouring terms of the query that are neighbours in a hit, by the sum of their idf. */
function pairFeatures({ pairs, terms, hitTerms }: FeatureInput, idf: readonly number[]) {
  const idfOf = (term: string): number => idf[terms.indexOf(term)] ?? 0;
  const weights = pairs.map(([a, b]) => idfOf(a) + idfOf(b));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = hitTerms.map((words) => {
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

/** Documents that title features look at. */
const titledDocuments = 20;
/** How fast a document's weight falls with its distance from the nearest one, per unit of cosine. */
const titleSharpness = 15;

/** Whether the first documents speak under one title: what is known is mostly said in one place, and what is not, scatters. */
function titleFeatures(ranked: readonly RankedCandidate[]) {
  const documents = [...new Map(ranked.toReversed().map((candidate) => [keyString(candidate.key), candidate])).values()]
    .toReversed()
    .slice(0, titledDocuments);
  const [first] = documents;
  const same = documents.map(({ live }) => live.title === first?.live.title);
  const share = (count: number): number => same.slice(0, count).filter(Boolean).length / count;
  const weights = documents.map(({ similarity }) => Math.exp(titleSharpness * similarity));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const own = weights.reduce((sum, weight, place) => sum + (same[place] === true ? weight : 0), 0);
  const best = ranked.reduce((most, { similarity }) => Math.max(most, similarity), 0);
  const other = ranked.reduce(
    (most, { similarity, live }) => (live.title === first?.live.title ? most : Math.max(most, similarity)),
    0,
  );
  return {
    title_share_3: share(3),
    title_share_10: share(10),
    title_mass: total > 0 ? own / total : 0,
    title_gap: best - other,
  };
}

/** A token below these cosines is not met at all, met by something related, not met by the same thing. */
const metAbove = [0.4, 0.5, 0.6, 0.7] as const;

/** How well the query's tokens are met by the best of the first hits. */
function tokenFeatures({ weights, matches }: MetTokens) {
  const means = matches.map((match) => weightedMatch(match, weights));
  const sorted = means.toSorted((a, b) => b - a);
  const first = matches[0] ?? new Float64Array(weights.length);
  const heavy = weights
    .map((weight, token) => ({ weight, token }))
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight || a.token - b.token)
    .map(({ token }) => token);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const uncovered = (floor: number, match: TokenMatches): number =>
    total > 0 ? weights.reduce((sum, weight, token) => sum + ((match[token] ?? 0) < floor ? weight : 0), 0) / total : 0;
  const union = Float64Array.from(weights, (_, token) =>
    matches.slice(0, hitsRead).reduce((most, match) => Math.max(most, match[token] ?? -1), -1),
  );
  const others = matches.slice(1);
  const typical = Float64Array.from(weights, (_, token) => meanOf(others.map((match) => match[token] ?? 0)));
  return {
    maxsim_top: means[0] ?? 0,
    maxsim_best: sorted[0] ?? 0,
    maxsim_mean_3: meanOf([0, 1, 2].map((place) => sorted[place] ?? sorted.at(-1) ?? 0)),
    maxsim_gap_5: sorted.length === 0 ? 0 : (sorted[0] ?? 0) - (sorted[Math.min(4, sorted.length - 1)] ?? 0),
    maxsim_lowest: heavy.reduce((least, token) => Math.min(least, first[token] ?? 0), heavy.length === 0 ? 0 : 1),
    maxsim_rarest_3: meanOf(heavy.slice(0, 3).map((token) => first[token] ?? 0)),
    maxsim_uncovered_4: uncovered(metAbove[0], first),
    maxsim_uncovered_5: uncovered(metAbove[1], first),
    maxsim_uncovered_6: uncovered(metAbove[2], first),
    maxsim_uncovered_7: uncovered(metAbove[3], first),
    maxsim_union: weightedMatch(union, weights),
    maxsim_union_uncovered: uncovered(metAbove[1], union),
    // How much better the first hit meets the query's tokens than the other candidates do.
    maxsim_above_others: others.length === 0 ? 0 : (means[0] ?? 0) - weightedMatch(typical, weights),
  };
}
