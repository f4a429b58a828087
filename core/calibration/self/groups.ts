import type { DocumentKey } from "../../document.ts";
import { seededRandom } from "../bootstrap.ts";
import { addTo, dot, largest } from "./vectors.ts";

/** A document as its groups are found. */
export interface GroupedDocument {
  readonly key: DocumentKey;
  readonly title: string;
}

/** By what documents were grouped. */
export type Grouping = "title" | "folder" | "source" | "cluster";

// "Product — Question", "Article: Section": what stands before is what the document belongs to.
const separators = [" — ", " – ", " - ", ": ", " | ", " › "];

/** The part of a title before its first separator; the whole title without one. */
export function titlePrefix(title: string): string {
  const places = separators.map((separator) => title.indexOf(separator)).filter((at) => at > 0);
  return title.slice(0, places.length === 0 ? title.length : Math.min(...places)).trim();
}

/** The id up to its last slash, within the source. */
export function folderOf({ source, id }: DocumentKey): string {
  return JSON.stringify([source, id.slice(0, Math.max(0, id.lastIndexOf("/")))]);
}

const keys: Readonly<Record<Exclude<Grouping, "cluster">, (document: GroupedDocument) => string>> = {
  title: (document) => titlePrefix(document.title),
  folder: (document) => folderOf(document.key),
  source: (document) => document.key.source,
};

/**
 * The finest grouping that is one, in the order title prefix, folder, source: at least four groups hold several documents, half of all
 * documents lie in such groups, and no group holds more than half of all. `undefined` when none is: then documents are clustered.
 */
export function groupingOf(
  documents: readonly GroupedDocument[],
): { by: Grouping; groups: readonly string[] } | undefined {
  for (const by of ["title", "folder", "source"] as const) {
    // Without a slash in any id, folders are sources.
    if (by === "folder" && !documents.some(({ key }) => key.id.includes("/"))) continue;
    const groups = documents.map(keys[by]);
    if (isGrouping(groups)) return { by, groups };
  }
  return undefined;
}

function isGrouping(groups: readonly string[]): boolean {
  const sizes = [...Map.groupBy(groups, (name) => name).values()].map((members) => members.length);
  const several = sizes.filter((size) => size > 1);
  const inSeveral = several.reduce((sum, size) => sum + size, 0);
  return several.length >= 4 && inSeveral * 2 >= groups.length && Math.max(...sizes) * 2 <= groups.length;
}

const rounds = 20;

/**
 * Groups unit vectors by direction: spherical k-means (Dhillon and Modha, Machine Learning 42, 2001) with k = √(n/2), 4 … 50,
 * begun by k-means++ (Arthur and Vassilvitskii, SODA 2007) with a seed.
 * @returns the group of each vector
 */
export function clusters(vectors: readonly Float32Array[], seed: number): readonly string[] {
  const k = Math.min(vectors.length, Math.max(4, Math.min(50, Math.round(Math.sqrt(vectors.length / 2)))));
  const random = seededRandom(seed);
  let centres = firstCentres(vectors, k, random);
  let nearest: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const next = vectors.map((vector) => largest(centres.map((centre) => dot(vector, centre))));
    if (next.every((place, at) => place === nearest[at])) break;
    nearest = next;
    centres = centres.map((centre, at) => {
      const mean = new Float64Array(centre.length);
      for (const [v, vector] of vectors.entries()) if (nearest[v] === at) addTo(mean, vector);
      const length = Math.sqrt(dot(mean, mean));
      return length > 0 ? mean.map((value) => value / length) : centre;
    });
  }
  return nearest.map((place) => `cluster ${place}`);
}

function firstCentres(vectors: readonly Float32Array[], k: number, random: () => number): Float64Array[] {
  const take = (at: number) => Float64Array.from(vectors[at] ?? []);
  const centres = [take(Math.floor(random() * vectors.length))];
  const distance = vectors.map(() => Number.POSITIVE_INFINITY);
  while (centres.length < k) {
    const last = centres.at(-1) ?? new Float64Array();
    for (const [at, vector] of vectors.entries()) {
      distance[at] = Math.min(distance[at] ?? 0, Math.max(0, 1 - dot(vector, last)));
    }
    let left = random() * distance.reduce((sum, value) => sum + value, 0);
    let chosen = 0;
    while (chosen < vectors.length - 1 && left >= (distance[chosen] ?? 0)) left -= distance[chosen++] ?? 0;
    centres.push(take(chosen));
  }
  return centres;
}
