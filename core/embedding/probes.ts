import type { Embedder } from "../ports/embedder.ts";
import type { ProbeStore } from "../ports/probes.ts";

/**
 * Sentences that every encoder is asked now and then: prose, a question, a number, a name, another script, and one over several
 * lines. Adding one is harmless, changing one makes it a new one.
 */
export const probeSentences = [
  "The rain gauge on the roof is emptied every Monday before nine.",
  "Who signs for a parcel when the reception desk is closed?",
  "Error 4711: the pressure sensor reports 13.5 bar instead of 1.35 bar.",
  "Mrs Ødegård-Lindqvist moved the archive from Tromsø to Łódź in March 1998.",
  "警報が鳴ったら、まず窓を閉めてください。",
  "Opening hours\n- weekdays: 8 to 17\n- weekends: closed",
] as const;

/** The largest drift that counts as rounding: of a cosine distance, and of a single component of a unit vector. */
export const toleratedDrift = 1e-3;

const purposes = ["passage", "query"] as const;

/**
 * How far an encoder's vectors of the probe sentences lie from those stored at the first use of its fingerprint: the largest cosine
 * distance or difference of a component, ≥ 0; Infinity for vectors of another length or with a hole. Stores those that are missing,
 * unless the others say that this is not the same encoder any more.
 * @throws AppError `embedder-unavailable`, `ledger-unavailable`
 */
export async function probeDrift(embedder: Embedder, store: ProbeStore): Promise<number> {
  const { fingerprint } = embedder.model;
  const now = await probesOf((texts, purpose) => embedder.embed(texts, purpose));
  const stored = await store.read(fingerprint);
  const drift = driftOf(now, stored);
  if (drift <= toleratedDrift && [...now.keys()].some((probe) => !stored.has(probe)))
    await store.keep(fingerprint, now);
  return drift;
}

/**
 * The same distance, without storing anything: a probe that is not stored says nothing.
 * @throws AppError `embedder-unavailable`
 */
export async function driftFrom(embed: Embedder["embed"], stored: ReadonlyMap<string, Float32Array>): Promise<number> {
  return driftOf(await probesOf(embed), stored);
}

function driftOf(now: ReadonlyMap<string, Float32Array>, stored: ReadonlyMap<string, Float32Array>): number {
  let drift = 0;
  for (const [probe, vector] of now) drift = Math.max(drift, distance(vector, stored.get(probe) ?? vector));
  return drift;
}

/**
 * The same distance for another place that is to give an encoder's vectors, without storing anything; Infinity also when one is not stored,
 * because then nothing is known.
 */
export async function probeDistance(
  embed: Embedder["embed"],
  stored: ReadonlyMap<string, Float32Array>,
): Promise<number> {
  if (stored.size === 0) return Infinity;
  const nothing = new Float32Array();
  const distances = [...(await probesOf(embed))].map(([probe, vector]) =>
    distance(vector, stored.get(probe) ?? nothing),
  );
  return Math.max(...distances);
}

async function probesOf(embed: Embedder["embed"]): Promise<ReadonlyMap<string, Float32Array>> {
  const probes = new Map<string, Float32Array>();
  for (const purpose of purposes) {
    const vectors = await embed(probeSentences, purpose);
    for (const [at, sentence] of probeSentences.entries()) {
      probes.set(`${purpose}: ${sentence}`, vectors[at] ?? new Float32Array());
    }
  }
  return probes;
}

/** @returns the larger of cosine distance and greatest difference of a component; Infinity where there is none */
function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return Infinity;
  let [dot, squareA, squareB, greatest] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
    greatest = Math.max(greatest, Math.abs(x - y));
  }
  const larger = Math.max(greatest, 1 - dot / Math.sqrt(squareA * squareB));
  // NaN, of a vector with a hole or without length, is no small distance.
  return larger >= 0 ? larger : Infinity;
}
