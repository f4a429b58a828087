import { calibratedFeatures } from "#core/retrieval/confidence.ts";

/** What a feature looks at: by its name, so that a feature of a known kind needs no entry here. The first that fits counts. */
const kinds = {
  density: /^similarity_(?:above_|deviations$)/,
  similarity: /^similarity_|_similarity$/,
  lexical: /^bm25_/,
  coverage: /^(?:coverage|rarest_missing|missing)_/,
  pairs: /^pairs_/,
  agreement: /^agreement|^(?:dense|lexical)_best_in_/,
  titles: /^title_/,
  late: /^maxsim_/,
} as const satisfies Readonly<Record<string, RegExp>>;
export type GroupName = keyof typeof kinds;

/** The groups for a reader, in the order of the table. */
export const groupTitles: Readonly<Record<GroupName, string>> = {
  similarity: "similarity of the best hits",
  density: "density (against all visible chunks, against the neighbours)",
  lexical: "BM25 over the highest possible",
  coverage: "coverage and missing terms",
  pairs: "pairs of neighbouring terms",
  agreement: "agreement of both halves",
  titles: "titles",
  late: "late interaction (MaxSim)",
};

/** The names of the groups, typed, in the order of the table. */
export const groupNames: readonly GroupName[] = [
  "similarity",
  "density",
  "lexical",
  "coverage",
  "pairs",
  "agreement",
  "titles",
  "late",
];

const order: readonly GroupName[] = [
  "density",
  "similarity",
  "lexical",
  "coverage",
  "pairs",
  "agreement",
  "titles",
  "late",
];

/** The group of a feature. @throws Error for a feature of a kind that is not known here: it would be in every row without a word */
export function groupOf(feature: string): GroupName {
  const found = order.find((name) => kinds[name].test(feature));
  if (found === undefined) throw new Error(`the feature ${feature} is in no group of bench/ablation/groups.ts`);
  return found;
}

/** The features of some groups, of those that a calibration may name. */
export function featuresOf(...groups: readonly GroupName[]): readonly string[] {
  return calibratedFeatures.filter((feature) => groups.includes(groupOf(feature)));
}
