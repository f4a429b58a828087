import type { ChunkText, IndexAnswer, TokenOutputs } from "../ports/index.ts";
import { analyse } from "../text/analyse.ts";
import { inverseDocumentFrequency } from "../text/bm25.ts";
import { bestSentence, passageRows, type SentenceMatch } from "./best-sentence.ts";
import type { SearchedIndex } from "./bounded.ts";
import { brokenIndex, type CandidateSet, type RankedCandidate } from "./candidates.ts";
import { type Features, featuresOf } from "./features.ts";
import { type HitText, hitTextOf } from "./hit-text.ts";
import { type TokenMatches, tokenMatches, weightedMatch } from "./late-interaction.ts";
import type { Question } from "./question.ts";
import { hitsRead, lateDepth, rank, rerank } from "./rank.ts";
import { tellingWeights } from "./token-features.ts";

/** What speaks for an answer: the candidates in their final order, and the features of the search. */
export interface Evidence {
  readonly ranked: readonly RankedCandidate[];
  readonly features: Features;
  /** Texts of the first candidates, by chunk id: what an answer returns is mostly among them. */
  readonly texts: ReadonlyMap<string, ChunkText>;
}

/**
 * Orders re-checked candidates by fusion and late interaction, and reads the features of the search from them.
 * @returns `replaced` when something of a candidate is gone: its generation was collected meanwhile, and another search finds what is live.
 */
export async function weigh(
  index: Pick<SearchedIndex, "texts" | "tokenOutputs" | "matchTokens">,
  fingerprint: string,
  set: Pick<CandidateSet, "candidates" | "statistics">,
  question: Question,
  denseWeight: number,
): Promise<Evidence | "replaced"> {
  const fused = rank(set.candidates, denseWeight);
  const late = await interact(index, fingerprint, fused.slice(0, lateDepth), set.statistics, question);
  if (late === "replaced") return "replaced";
  const ranked = late === undefined ? fused : rerank(fused, late.means);
  const first = ranked.slice(0, hitsRead);
  const texts = await index.texts(
    first.map(({ chunkId }) => chunkId),
    fingerprint,
  );
  const read = first.flatMap(({ chunkId, live }) => {
    const text = texts.get(chunkId);
    if (text !== undefined && text.chunkId !== chunkId) throw brokenIndex(`${chunkId} was answered with another text`);
    if (text === undefined) return [];
    const { title } = live;
    return [{ chunkId, title, headingPath: text.headingPath, hit: hitTextOf(title, text) }];
  });
  if (read.length < first.length) return "replaced";
  const { terms, pairs, wording } = question;
  const hits = read.map(({ hit }) => hit);
  const input = { ranked, statistics: set.statistics, terms, pairs, wording, hits };
  if (late === undefined || question.tokens === undefined) return { ranked, texts, features: featuresOf(input) };
  const sentence = await sentenceOf(index, fingerprint, question.tokens, late.weights, read[0]);
  if (sentence === "replaced") return "replaced";
  const byChunk = new Map(fused.map(({ chunkId }, place) => [chunkId, late.matches[place]]));
  const tokens = {
    words: question.tokens.words,
    weights: late.weights,
    matches: ranked.slice(0, lateDepth).flatMap(({ chunkId }) => byChunk.get(chunkId) ?? []),
    ...(sentence === undefined ? {} : { sentence }),
  };
  return { ranked, texts, features: featuresOf({ ...input, tokens }) };
}

/** A hit whose text was read. */
interface ReadHit {
  readonly chunkId: string;
  readonly title: string;
  readonly headingPath: readonly string[];
  readonly hit: HitText;
}

/** The best sentence of the first hit, from its token outputs; `undefined` without a hit. */
async function sentenceOf(
  index: Pick<SearchedIndex, "tokenOutputs">,
  fingerprint: string,
  tokens: NonNullable<Question["tokens"]>,
  weights: readonly number[],
  first: ReadHit | undefined,
): Promise<SentenceMatch | undefined | "replaced"> {
  if (first === undefined) return undefined;
  const passage = (await index.tokenOutputs([first.chunkId], fingerprint)).get(first.chunkId);
  if (passage === undefined) return "replaced";
  if (passage.dimensions !== tokens.dimensions) throw brokenIndex(`${first.chunkId} has other dimensions`);
  const rows = passageRows(
    first,
    first.hit.written,
    Math.floor(passage.vectors.length / passage.dimensions),
    tokens.count,
  );
  return bestSentence(tokens, passage, rows, tellingWeights(tokens.words, weights));
}

async function interact(
  index: Pick<SearchedIndex, "tokenOutputs" | "matchTokens">,
  fingerprint: string,
  candidates: readonly RankedCandidate[],
  statistics: IndexAnswer["statistics"],
  { tokens, terms }: Question,
) {
  if (tokens === undefined) return undefined;
  const chunkIds = candidates.map(({ chunkId }) => chunkId);
  const found = await (index.matchTokens?.(tokens, chunkIds, fingerprint) ??
    matchHere(index, tokens, chunkIds, fingerprint));
  const weights = tokenWeights(tokens.words, terms, statistics);
  const matches = chunkIds.flatMap((chunkId) => {
    const match = found.get(chunkId);
    if (match !== undefined && !isPossible(match, tokens)) throw brokenIndex(`${chunkId} has impossible matches`);
    return match === undefined ? [] : [match];
  });
  if (matches.length < candidates.length) return "replaced";
  return { weights, matches, means: matches.map((match) => weightedMatch(match, weights)) };
}

/** For an index that does no late interaction itself. */
async function matchHere(
  index: Pick<SearchedIndex, "tokenOutputs">,
  query: TokenOutputs,
  chunkIds: readonly string[],
  fingerprint: string,
): Promise<ReadonlyMap<string, TokenMatches>> {
  const outputs = await index.tokenOutputs(chunkIds, fingerprint);
  return new Map([...outputs].map(([chunkId, passage]) => [chunkId, tokenMatches(query, passage)]));
}

/** One cosine for each token of the query, each within its scale. */
function isPossible(match: TokenMatches, { dimensions, vectors }: TokenOutputs): boolean {
  return match.length === Math.floor(vectors.length / dimensions) && match.every((value) => Math.abs(value) <= 1);
}

/** A stop word counts this much of the rarest term. */
const stopWeight = 0.1;

/** The idf of each token's word over the filter, as a share of that of a term that no chunk has. */
function tokenWeights(
  words: readonly string[],
  terms: readonly string[],
  statistics: IndexAnswer["statistics"],
): number[] {
  const { chunks, documentFrequency } = statistics;
  const rarest = inverseDocumentFrequency(chunks, 0);
  const idf = new Map(
    terms.map((term, place) => [term, inverseDocumentFrequency(chunks, documentFrequency[place] ?? 0)]),
  );
  const known = new Map<string, number>();
  return words.map((word) => {
    let weight = known.get(word);
    if (weight === undefined) {
      const best = Math.max(0, ...analyse(word).map((term) => idf.get(term) ?? 0));
      weight = Math.max(stopWeight, rarest > 0 ? best / rarest : 0);
      known.set(word, weight);
    }
    return weight;
  });
}
