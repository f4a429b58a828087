import type { Access, AccessToken } from "#core/access/acl.ts";
import { isVisible, type VisibilityFilter } from "#core/access/visible.ts";
import { compareKeys, type DocumentKey, keyString } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { IndexedChunk, IndexedGeneration, IndexQuery, SearchFilter } from "#core/ports/index.ts";
import type { LiveDocuments, LiveRef } from "#core/ports/live-documents.ts";
import type { LiveEntry } from "#test/kit/placed-index.ts";

/** Dimensions of the contract's vectors. */
export const dimensions = 8;
/** The fingerprint of the contract's documents. */
export const fingerprint = "model-a";

/** A key of the first tenant. */
export const keyOf = (id: string, tenant = "halden", source = "wiki"): DocumentKey => ({ tenant, source, id });

/** A unit vector in a direction: angles between 0 and 90 degrees from the first axis have a positive cosine with it. */
export function direction(degrees: number, axis = 1): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos((degrees * Math.PI) / 180);
  vector[axis] = Math.sin((degrees * Math.PI) / 180);
  return vector;
}

/** A chunk as the contract writes it: its words are its text. */
export interface ContractChunk {
  readonly words: readonly string[];
  readonly vector: Float32Array;
}

/** A generation of a document, with chunks numbered from 0. */
export function generationOf(
  key: DocumentKey,
  chunks: readonly ContractChunk[],
  generation = 1,
  of = fingerprint,
): IndexedGeneration {
  return { key, generation, fingerprint: of, chunks: chunks.map((chunk, i) => indexed(key, generation, i, chunk)) };
}

function indexed(key: DocumentKey, generation: number, number: number, { words, vector }: ContractChunk): IndexedChunk {
  const terms = new Map<string, number>();
  for (const word of words) terms.set(word, (terms.get(word) ?? 0) + 1);
  const text = words.join(" ");
  return {
    chunkId: chunkIdOf(key, generation, number),
    chunk: number,
    text,
    headingPath: ["Heading"],
    startChar: 0,
    endChar: text.length,
    tokens: words.length,
    vector,
    terms,
    termCount: words.length,
  };
}

const access = (grants: readonly AccessToken[]): Access => ({ grants, denies: [], labels: [] });

/** What the ledger would say is live: a plain map, decided by the service's own visibility. */
export class ContractLive implements LiveDocuments {
  readonly #live = new Map<string, LiveEntry>();

  publish(key: DocumentKey, generation = 1, grants: readonly AccessToken[] = ["everyone"], of = fingerprint): void {
    const ref = { key, generation, ref: `${keyString(key)}@${generation}` };
    this.#live.set(`${of} ${keyString(key)}`, { ref, fingerprint: of, access: access(grants) });
  }

  retire(key: DocumentKey, of = fingerprint): void {
    this.#live.delete(`${of} ${keyString(key)}`);
  }

  /** Everything that is live now. */
  entries(): readonly LiveEntry[] {
    return [...this.#live.values()];
  }

  select(of: string, filter: SearchFilter): readonly LiveRef[] {
    return [...this.#live.values()]
      .filter((entry) => entry.fingerprint === of)
      .filter(({ ref, access: list }) =>
        isVisible({ tenant: ref.key.tenant, source: ref.key.source, access: list }, filter.visibility),
      )
      .map(({ ref }) => ref)
      .toSorted((a, b) => compareKeys(a.key, b.key));
  }
}

/** A filter over visibility alone. */
export const within = (visibility: VisibilityFilter): SearchFilter => ({ visibility, eligible: null, conditions: {} });

/** What a caller of `halden` sees who is in the given groups. */
export const caller = (...tokens: readonly AccessToken[]): SearchFilter =>
  within({
    kind: "some",
    tenant: "halden",
    sources: ["wiki"],
    deniedLabels: [],
    knownLabels: [],
    tokens: ["everyone", ...tokens],
  });

/** A query along the first axis for the given terms, as everyone. */
export function queryFor(terms: readonly string[], more: Partial<IndexQuery> = {}): IndexQuery {
  return { fingerprint, vector: direction(0), terms, filter: caller(), limit: 10, ...more };
}
