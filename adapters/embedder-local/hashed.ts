import { hashParts } from "#core/ingest/hash.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import { analyse, analyserVersion, isStopTerm } from "#core/text/analyse.ts";
import { chunkerVersion } from "#core/text/chunk.ts";
import { countTokens, tokenizerVersion } from "./tokens.ts";

const name = "local/hashed-384-v1";
const dimensions = 384;
const maxTokens = 256;

/** Lengths of the character n-grams inside a word; `<` and `>` mark its ends. */
const shortestGram = 3;
const longestGram = 5;
/** Share of a word's weight that its n-grams carry together; the word itself has 1. */
const gramWeight = 0.8;
/** Weight of a stop word: present, for texts that have nothing else. */
const stopWeight = 0.02;

/**
 * The encoder without data files: words and their character n-grams, hashed with signs into 384 dimensions (Weinberger et al.
 * 2009, "Feature Hashing for Large Scale Multitask Learning", section 2), sublinear in repeats, unit length. It knows no
 * synonyms; inflections and typing errors meet through the n-grams.
 */
export function hashedEmbedder(): Embedder {
  const fingerprint = hashParts(["local", name, String(dimensions), tokenizerVersion, analyserVersion, chunkerVersion]);
  return {
    model: { name, fingerprint, dimensions, maxTokens, denseWeight: 0.4 },
    countTokens,
    // Questions and passages are embedded alike. Nothing is cut: the limit only keeps chunks from growing too broad.
    embed: async (texts) => texts.map(embedOne),
    close: async () => {},
  };
}

function embedOne(text: string): Float32Array {
  const counts = new Map<string, number>();
  for (const term of analyse(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  const sums = new Float64Array(dimensions);
  for (const [term, count] of counts) {
    const weight = (isStopTerm(term) ? stopWeight : 1) * (1 + Math.log(count));
    add(sums, hashOf(`w${term}`), weight);
    addGrams(sums, term, weight * gramWeight);
  }
  return unit(sums);
}

function addGrams(sums: Float64Array, term: string, weight: number): void {
  const marked = `<${term}>`;
  const grams = new Set<string>();
  for (let length = shortestGram; length <= longestGram; length++) {
    for (let at = 0; at + length <= marked.length; at++) grams.add(marked.slice(at, at + length));
  }
  // Together they weigh the same in a long word as in a short one.
  const each = weight / Math.sqrt(grams.size);
  for (const gram of grams) add(sums, hashOf(`g${gram}`), each);
}

function add(sums: Float64Array, hash: number, weight: number): void {
  const at = (hash >>> 1) % dimensions;
  sums[at] = (sums[at] ?? 0) + ((hash & 1) === 0 ? weight : -weight);
}

/** FNV-1a over UTF-16 code units, mixed once more (the finalizer of MurmurHash3), because the dimension uses its low bits. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < feature.length; i++) hash = Math.imul(hash ^ feature.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Unit length; a text without any feature, or whose features cancel out, gives the first axis. */
function unit(sums: Float64Array): Float32Array {
  let square = 0;
  for (const value of sums) square += value * value;
  const length = Math.sqrt(square);
  const vector = new Float32Array(dimensions);
  if (length < 1e-9) vector[0] = 1;
  else for (let i = 0; i < dimensions; i++) vector[i] = (sums[i] ?? 0) / length;
  return vector;
}
