import type { AccessToken } from "#core/access/acl.ts";
import type { SomeVisibility } from "#core/access/visible.ts";
import type { DocumentKey, DocumentRecord } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { IndexedGeneration, SearchFilter } from "#core/ports/index.ts";
import { noQuality } from "#test/kit/documents.ts";
import { gaussian, random, zipf } from "./random.ts";

/** A made-up collection: clusters of clusters, as passages of documents of topics are, with terms as unequal as those of a language. */
export interface CorpusShape {
  readonly chunks: number;
  readonly dimensions: number;
}

export const fingerprint = "bench";
const chunksPerDocument = 8;
const topics = 300;
const termsPerChunk = 120;
const vocabulary = 200_000;
/** Terms above this rank are what a query would drop as stop words. */
const stopRanks = 40;
const drawTerm = zipf(vocabulary, 1.05);

/** Shares of the collection that a caller may read, by the group that the caller is in. */
export const shares: readonly { readonly percent: number; readonly token: AccessToken }[] = [
  { percent: 1, token: "group:one" },
  { percent: 10, token: "group:ten" },
  { percent: 100, token: "group:all" },
];

/** Documents of a collection. */
export function documentsOf({ chunks }: CorpusShape): number {
  return Math.ceil(chunks / chunksPerDocument);
}

export function keyAt(document: number): DocumentKey {
  return { tenant: "bench", source: "wiki", id: `document-${String(document).padStart(7, "0")}` };
}

/** Whether a caller of a share may read a document. Spread over the topics, so that no share is a topic of its own. */
export function isReadable(document: number, percent: number): boolean {
  return random(document * 2 + 1)() < percent / 100;
}

/** What the ledger says of a document. */
export function recordAt(document: number): DocumentRecord {
  const grants = shares.filter(({ percent }) => isReadable(document, percent)).map(({ token }) => token);
  const access = { grants, denies: [], labels: [] };
  const content = { version: 1, title: "", url: null, contentType: "text/plain", quality: noQuality } as const;
  const at = "2026-01-01T00:00:00.000Z";
  return {
    key: keyAt(document),
    wanted: { ...content, contentHash: "", requestHash: "", generation: 1, acceptedAt: at },
    access,
    accessRevision: 1,
    live: { [fingerprint]: { ...content, generation: 1, chunkCount: chunksPerDocument, access, publishedAt: at } },
    lastGeneration: 1,
  };
}

/** The filter of a caller in one group. */
export function filterOf(token: AccessToken): SearchFilter {
  const visibility: SomeVisibility = {
    kind: "some",
    tenant: "bench",
    sources: ["wiki"],
    deniedLabels: [],
    knownLabels: [],
    tokens: [token],
  };
  return { visibility, eligible: null, conditions: {} };
}

/** The chunks of a document. */
export function generationAt(document: number, { chunks, dimensions }: CorpusShape): IndexedGeneration {
  const key = keyAt(document);
  const draw = random(document);
  const topic = directionOf(1_000_000 + Math.floor(draw() ** 2 * topics), dimensions);
  const own = directionOf(2_000_000 + document, dimensions);
  const count = Math.min(chunksPerDocument, chunks - document * chunksPerDocument);
  return {
    key,
    generation: 1,
    fingerprint,
    chunks: Array.from({ length: count }, (_, chunk) => {
      const noise = directionOf(10_000_000 + document * chunksPerDocument + chunk, dimensions);
      const terms = new Map<string, number>();
      for (let i = 0; i < termsPerChunk; i++) {
        const term = termAt(drawTerm(draw()));
        terms.set(term, (terms.get(term) ?? 0) + 1);
      }
      return {
        chunkId: chunkIdOf(key, 1, chunk),
        chunk,
        text: [...terms.keys()].join(" "),
        headingPath: [],
        startChar: 0,
        endChar: 1,
        tokens: termsPerChunk,
        vector: mix([
          [0.55, topic],
          [0.6, own],
          [0.58, noise],
        ]),
        terms,
        termCount: termsPerChunk,
      };
    }),
  };
}

/** A question about a chunk: a vector near its own, and a few of its terms. */
export function questionAt(
  number: number,
  shape: CorpusShape,
): { readonly vector: Float32Array; readonly terms: string[] } {
  const draw = random(50_000_000 + number);
  const { chunks } = generationAt(Math.floor(draw() * documentsOf(shape)), shape);
  const chunk = chunks[Math.floor(draw() * chunks.length)] ?? chunks[0];
  if (chunk === undefined) throw new Error("a document without chunks");
  const words = [...chunk.terms.keys()].filter((term) => Number(term.slice(1)) > stopRanks);
  const terms = Array.from({ length: 7 }, () => words[Math.floor(draw() * words.length)] ?? "");
  const noise = directionOf(60_000_000 + number, shape.dimensions);
  const vector = mix([
    [0.7, chunk.vector],
    [0.7, noise],
  ]);
  return { vector, terms: [...new Set(terms)] };
}

const termAt = (rank: number): string => `w${rank}`;

function directionOf(seed: number, dimensions: number): Float32Array {
  const draw = gaussian(random(seed));
  return unit(Float32Array.from({ length: dimensions }, draw));
}

function mix(parts: readonly (readonly [number, Float32Array])[]): Float32Array {
  const sum = new Float32Array(parts[0]?.[1].length ?? 0);
  for (const [weight, vector] of parts)
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (vector[i] ?? 0);
  return unit(sum);
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}
