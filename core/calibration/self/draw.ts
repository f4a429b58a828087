import { seededRandom } from "../bootstrap.ts";

/** A permutation of 0 … count − 1. */
function shuffled(count: number, random: () => number): number[] {
  const places = Array.from({ length: count }, (_, at) => at);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [places[i], places[j]] = [places[j] ?? 0, places[i] ?? 0];
  }
  return places;
}

/**
 * The order in which documents are asked about: one of each group in turn, groups and members in a seeded order. Documents that are
 * alone in their group are left out: taking out only the source document leaves siblings elsewhere that still answer.
 * @param groups the group of each document
 */
export function spreadOverGroups(groups: readonly string[], seed: number): readonly number[] {
  const random = seededRandom(seed);
  const members = [...Map.groupBy(groups.keys(), (at) => groups[at] ?? "")]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .filter(([, places]) => places.length > 1)
    .map(([, places]) => shuffled(places.length, random).map((at) => places[at] ?? 0));
  const order = shuffled(members.length, random).flatMap((at) => [members[at] ?? []]);
  const longest = Math.max(0, ...order.map((places) => places.length));
  return Array.from({ length: longest }, (_, turn) => order.flatMap((places) => places[turn] ?? [])).flat();
}

/**
 * What is left for the unanswerable case of a question: without the whole group of its document, and without a random fifth of the
 * others.
 */
export function withoutGroup(groups: readonly string[], group: string, seed: number): readonly number[] {
  const random = seededRandom(seed);
  return groups.flatMap((name, at) => (name === group || random() < 0.2 ? [] : [at]));
}
