import { keyString } from "../document.ts";
import type { RankedCandidate } from "./candidates.ts";
import type { HitText } from "./hit-text.ts";
import { lateDepth, rankValue } from "./rank.ts";

/** What title features are computed from. */
export interface TitleInput {
  /** In rank order. */
  readonly ranked: readonly RankedCandidate[];
  readonly terms: readonly string[];
  readonly hits: readonly HitText[];
}

/** Documents that title features look at. */
const titledDocuments = 20;
/** How fast a document's weight falls with its distance from the nearest one, per unit of cosine. */
const titleSharpness = 15;

/** Whether the first documents speak under one title: what is known is mostly said in one place, and what is not, scatters. */
export function titleFeatures({ ranked, terms, hits }: TitleInput, idf: readonly number[]) {
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
    ...askedTitles(terms, hits, idf),
    ...rankedTitles(ranked.slice(0, lateDepth)),
  };
}

/** How much of the query the first title covers, and how much of a title the query asks for: siblings differ in a word of their titles. */
function askedTitles(terms: readonly string[], hits: readonly HitText[], idf: readonly number[]) {
  const asked = new Set(terms);
  const total = idf.reduce((sum, value) => sum + value, 0);
  const titles = hits.map(({ context }) => new Set(context));
  const [first = new Set<string>()] = titles;
  const held = terms.reduce((sum, term, at) => (first.has(term) ? sum + (idf[at] ?? 0) : sum), 0);
  const shares = titles.map((title) =>
    title.size === 0 ? 0 : [...title].filter((term) => asked.has(term)).length / title.size,
  );
  return {
    title_coverage: total > 0 ? held / total : 0,
    title_asked: shares[0] ?? 0,
    title_asked_any: shares.reduce((most, share) => Math.max(most, share), 0),
  };
}

/** How many titles the first candidates have, and what the heaviest of them holds of their ranks' values. */
function rankedTitles(ranked: readonly RankedCandidate[]) {
  const values = ranked.map(rankValue);
  const best = Math.max(...values);
  const masses = new Map<string, number>();
  ranked.forEach(({ live }, place) => {
    const mass = Math.exp(titleSharpness * ((values[place] ?? 0) - best));
    masses.set(live.title, (masses.get(live.title) ?? 0) + mass);
  });
  const all = [...masses.values()];
  const total = all.reduce((sum, mass) => sum + mass, 0);
  return {
    title_heaviest: total > 0 ? Math.max(...all) / total : 0,
    title_variety: ranked.length === 0 ? 0 : masses.size / ranked.length,
  };
}
