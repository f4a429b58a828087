import type { VisibilityFilter } from "../access/visible.ts";
import { type DocumentRecord, keyString, type LiveGeneration } from "../document.ts";
import { AppError } from "../errors.ts";
import { chunkIdOf } from "../ingest/chunk-id.ts";
import type { IndexAnswer, IndexHit, IndexQuery } from "../ports/index.ts";
import { effectiveTier, gateOf, supersededKeys } from "../trust/eligible.ts";
import type { TrustPolicy } from "../trust/trust-policy.ts";
import type { SearchedIndex, SearchedLedger } from "./bounded.ts";
import { isReadableNow, type Recheck } from "./recheck.ts";
import { round6 } from "./round.ts";

/** A hit that the ledger confirmed, with what the ledger says of its live generation. */
export interface Candidate extends IndexHit {
  readonly live: LiveGeneration;
  /** The quality gate that the document fails now, or `eligible`. */
  readonly trustGate: "eligible" | "untrusted" | "stale";
  /** The tier that applies: the lower of the source's and the document's own claim; `null` when there is none. */
  readonly authority: string | null;
}

/** A candidate with its place in the fused order. */
export interface RankedCandidate extends Candidate {
  readonly fused: number;
  /** Weighted mean match of the query's tokens (late interaction); `null` for what was not looked at. */
  readonly late: number | null;
}

/** What a search came to, after the re-check. */
export interface CandidateSet {
  readonly candidates: readonly Candidate[];
  /** Hits that the ledger did not confirm. Only for the trace, and there only for those who may explain. */
  readonly dropped: readonly IndexHit[];
  /** Whether the ledger's quality gates dropped a confirmed hit that the index had let through, its copy of what they look at being behind. */
  readonly isHeldBack: boolean;
  readonly statistics: IndexAnswer["statistics"];
}

/**
 * Live generations of documents that a search met in another one, by `keyString`, over the rounds of one question. What was live before a
 * search began was in it: a hit of an older generation that such a search still gives is not of something replaced under it, but of
 * an index that keeps a copy of the ledger's facts and lags behind it.
 */
export type KnownLive = Map<string, number>;

export interface CandidateSearch {
  readonly index: Pick<SearchedIndex, "search" | "keepsCopies">;
  readonly ledger: SearchedLedger;
  readonly recheck: Recheck;
}

/** Chunks per half in the first search. Deep enough for 50 documents and for the features of a confidence. */
export const candidateDepth = 100;
/** How far beyond 1 a cosine may lie through rounding. */
const cosineTolerance = 1e-6;
/** Each further search looks this many times deeper. */
const deepen = 8;

/**
 * Searches, re-checks every hit in one batch, and goes on deeper while hits were dropped and fewer than `enough` are left, until
 * the candidates end.
 * @returns the confirmed candidates, or `replaced` when a readable hit was dropped only because its generation was replaced
 * meanwhile: the caller then searches again.
 */
export async function findCandidates(
  { index, ledger, recheck }: CandidateSearch,
  query: Omit<IndexQuery, "limit">,
  trust: TrustPolicy,
  now: number,
  enough: number,
  known: KnownLive = new Map(),
): Promise<CandidateSet | "replaced"> {
  const lags = index.keepsCopies;
  for (let limit = candidateDepth; ; limit *= deepen) {
    const answer = await index.search({ ...query, limit });
    const named = answer.hits.map((hit): NamedHit => ({ hit, name: keyString(hit.key) }));
    const records = await readRecords(ledger, named);
    const confirmed: NamedHit[] = [];
    const dropped: IndexHit[] = [];
    let isReplaced = false;
    for (const one of named) {
      const { hit, name } = one;
      if (!hasPossibleScores(hit)) throw brokenIndex(`hit ${hit.chunkId} has impossible scores`);
      const record = records.get(name);
      const verdict = recheck(record, hit.generation, query.filter.visibility, query.fingerprint);
      if (verdict === "replaced" && !(lags && isLeftOver(hit, record?.live[query.fingerprint], known)))
        isReplaced = true;
      // The ledger has confirmed the document that the hit names: the chunk must be one of that document's.
      if (verdict === "confirmed" && chunkIdOf(hit.key, hit.generation, hit.chunk) !== hit.chunkId) {
        throw brokenIndex(`hit ${hit.chunkId} is no chunk of the document that it names`);
      }
      if (verdict === "confirmed") confirmed.push(one);
      else dropped.push(hit);
    }
    if (isReplaced) return "replaced";
    const judged = await judge(ledger, confirmed, records, query.filter.visibility, query.fingerprint, trust, now);
    const candidates = query.filter.eligible === null ? judged : judged.filter((item) => item.trustGate === "eligible");
    const lost = answer.hits.length - candidates.length;
    if (answer.exhausted || lost === 0 || candidates.length >= enough) {
      const isHeldBack = candidates.length < judged.length;
      return { candidates, dropped, isHeldBack, statistics: answer.statistics };
    }
  }
}

/**
 * Whether a hit of another generation than the live one is no sign of a replacement under this search: it is of one that is not live yet, or the
 * live one was known before the search began. Notes what is live for the next round.
 */
function isLeftOver(hit: IndexHit, live: LiveGeneration | undefined, known: KnownLive): boolean {
  if (live === undefined) return false;
  if (hit.generation > live.generation) return true;
  const name = keyString(hit.key);
  const isKnown = known.get(name) === live.generation;
  known.set(name, live.generation);
  return isKnown;
}

/** A score that is no number would win every comparison that it should lose, and one beyond its scale would win every other. */
function hasPossibleScores({ similarity, bm25 }: IndexHit): boolean {
  return Math.abs(similarity) <= 1 + cosineTolerance && Number.isFinite(bm25) && bm25 >= 0;
}

/** The index said what cannot be. The reason goes to the log alone: it names what a caller may not know of. */
export function brokenIndex(why: string): AppError {
  return new AppError("index-unavailable", {}, { cause: new Error(why) });
}

/** A hit with the name of its document, which is asked for at every step. */
interface NamedHit {
  readonly hit: IndexHit;
  readonly name: string;
}

async function readRecords(
  ledger: CandidateSearch["ledger"],
  hits: readonly NamedHit[],
): Promise<ReadonlyMap<string, DocumentRecord>> {
  const keys = [...new Map(hits.map(({ hit, name }) => [name, hit.key])).entries()];
  const records = await ledger.read(keys.map(([, key]) => key));
  const byKey = new Map<string, DocumentRecord>();
  keys.forEach(([name], position) => {
    const record = records[position];
    if (record !== undefined) byKey.set(name, record);
  });
  return byKey;
}

/**
 * Adds the ledger's facts to confirmed hits. Supersession counts when the caller may read the replacement, which is why it is
 * decided here, per caller, from the ledger, and not stored anywhere.
 */
async function judge(
  ledger: CandidateSearch["ledger"],
  hits: readonly NamedHit[],
  records: ReadonlyMap<string, DocumentRecord>,
  filter: VisibilityFilter,
  fingerprint: string,
  trust: TrustPolicy,
  now: number,
): Promise<Candidate[]> {
  const found = new Map(hits.map(({ hit, name }) => [name, hit.key]));
  const replacements = (await ledger.replacements([...found.values()], fingerprint, filter)).filter((record) =>
    isReadableNow(record, filter, fingerprint),
  );
  const known = new Map(replacements.map((record) => [keyString(record.key), record]));
  for (const name of found.keys()) {
    const record = records.get(name);
    if (record !== undefined) known.set(name, record);
  }
  const superseded = supersededKeys(
    [...known.values()].flatMap((record) => {
      const live = record.live[fingerprint];
      return live === undefined ? [] : [{ key: record.key, quality: live.quality }];
    }),
    trust,
    now,
  );
  const judged = new Map<string, Pick<Candidate, "live" | "trustGate" | "authority">>();
  for (const [name, { source }] of found) {
    const live = records.get(name)?.live[fingerprint];
    if (live === undefined) continue;
    const subject = { source, quality: live.quality };
    const own = gateOf(subject, trust, now).gate;
    const trustGate = own === "eligible" && superseded.has(name) ? "stale" : own;
    judged.set(name, { live, trustGate, authority: effectiveTier(subject, trust) ?? null });
  }
  return hits.flatMap(({ hit, name }) => {
    const verdict = judged.get(name);
    return verdict === undefined ? [] : [{ ...hit, similarity: round6(hit.similarity), ...verdict }];
  });
}
