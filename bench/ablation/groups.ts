import { calibratedFeatures } from "#core/retrieval/confidence.ts";

/** Groups of features by what they look at; together they are all features that a calibration may name. */
export const groups = {
  similarity: [
    "best_similarity",
    "top_similarity",
    "similarity_mean_3",
    "similarity_mean_10",
    "similarity_gap_2",
    "similarity_gap_5",
    "similarity_gap_10",
  ],
  density: ["similarity_above_mean", "similarity_deviations", "similarity_above_neighbours"],
  lexical: ["bm25_ratio", "bm25_ratio_top", "bm25_mean_3", "bm25_gap_2", "bm25_gap_10"],
  coverage: [
    "coverage_best",
    "coverage_any",
    "coverage_document",
    "coverage_all",
    "coverage_mean_3",
    "rarest_missing_best",
    "rarest_missing_any",
    "rarest_missing_all",
    "missing_terms",
  ],
  pairs: ["pairs_best", "pairs_any"],
  agreement: ["agreement", "dense_best_in_lexical", "lexical_best_in_dense"],
  titles: ["title_share_3", "title_share_10", "title_mass", "title_gap"],
  late: [
    "maxsim_top",
    "maxsim_best",
    "maxsim_mean_3",
    "maxsim_gap_5",
    "maxsim_lowest",
    "maxsim_rarest_3",
    "maxsim_uncovered",
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type GroupName = keyof typeof groups;

/** The groups for a reader, in the order of the table. */
export const groupTitles: Readonly<Record<GroupName, string>> = {
  similarity: "similarity of the best hits",
  density: "density: against all visible chunks, against the neighbours",
  lexical: "BM25 over the highest possible",
  coverage: "coverage and missing terms",
  pairs: "pairs of neighbouring terms",
  agreement: "agreement of both halves",
  titles: "titles",
  late: "late interaction (MaxSim)",
};

/** The names of {@link groups}, typed. */
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

/** Features that need no vector at all. */
export const termFeatures: readonly string[] = [...groups.lexical, ...groups.coverage, ...groups.pairs];

/**
 * Features that are in no group, or in a group and unknown: a feature that was added since belongs into one.
 * @returns names; empty when the groups fit the code
 */
export function misplaced(): readonly string[] {
  const placed = new Set<string>(groupNames.flatMap((name) => [...groups[name]]));
  return [...placed.symmetricDifference(new Set(calibratedFeatures))].toSorted();
}
