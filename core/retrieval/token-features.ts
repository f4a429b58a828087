import { analyse, isStopTerm } from "../text/analyse.ts";
import type { SentenceMatch } from "./best-sentence.ts";
import type { RankedCandidate } from "./candidates.ts";
import { type TokenMatches, weightedMatch } from "./late-interaction.ts";
import { correlationOf, deviationOf, meanOf } from "./mean.ts";
import { hitsRead, lateDepth, rankValue } from "./rank.ts";

/** Query tokens of an encoder that gives token outputs, as far as one search met them. */
export interface MetTokens {
  /** The word that each token belongs to. */
  readonly words: readonly string[];
  /** Weight of each query token, ≥ 0: the idf of its word over the filter. */
  readonly weights: readonly number[];
  /** Matches of the first candidates, in their order. */
  readonly matches: readonly TokenMatches[];
  /** The best sentence of the first candidate; absent without candidates. */
  readonly sentence?: SentenceMatch;
}

/** A token below these cosines is not met at all, met by something related, not met by the same thing. */
const metAbove = [0.4, 0.5, 0.6, 0.7] as const;

/** How well the query's tokens are met by the best of the first hits. */
export function tokenFeatures(ranked: readonly RankedCandidate[], { words, weights, matches, sentence }: MetTokens) {
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
    ...spreadFeatures(ranked.slice(0, lateDepth)),
    ...sentenceFeatures(words, weights, sentence),
  };
}

/** How far the first candidates lie apart in their final order, and whether both kinds of similarity tell them apart alike. */
function spreadFeatures(ranked: readonly RankedCandidate[]) {
  const met = ranked.filter(({ late }) => late !== null);
  return {
    maxsim_spread: deviationOf(met.map(rankValue)),
    maxsim_agreement: correlationOf(
      met.map(({ similarity }) => similarity),
      met.map(({ late }) => late ?? 0),
    ),
  };
}

/** The weights of tokens that tell something; all of them when none does. */
export function tellingWeights(words: readonly string[], weights: readonly number[]): readonly number[] {
  const telling = words.map((word) => analyse(word).some((term) => !isStopTerm(term)));
  return telling.includes(true) ? weights.map((weight, token) => (telling[token] === true ? weight : 0)) : weights;
}

/** How well the best sentence meets the query, word by word: a word is met as its pieces are on average. */
function sentenceFeatures(words: readonly string[], all: readonly number[], sentence: SentenceMatch | undefined) {
  const weights = tellingWeights(words, all);
  const matches = sentence?.matches ?? new Float64Array(weights.length);
  const whole: { readonly weight: number; readonly match: number }[] = [];
  for (let from = 0, to = 0; from < words.length; from = to) {
    for (to = from + 1; to < words.length && words[to] === words[from]; to++);
    const weight = Math.max(...weights.slice(from, to));
    if (weight > 0) whole.push({ weight, match: meanOf(Array.from(matches.subarray(from, to))) });
  }
  return {
    maxsim_sentence: weightedMatch(matches, weights),
    maxsim_sentence_lowest: whole.length === 0 ? 0 : Math.min(...whole.map(({ match }) => match)),
    // The most that one word of the query is missed by.
    maxsim_sentence_missing: whole.reduce((most, { weight, match }) => Math.max(most, weight * (1 - match)), 0),
    maxsim_sentence_beyond: sentence?.beyond ?? 0,
  };
}
