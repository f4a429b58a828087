import type { Caller, Principal } from "../access/principal.ts";
import { keyString } from "../document.ts";
import type { IndexHit } from "../ports/index.ts";
import type { CandidateGate, Trace, TraceCandidate } from "../ports/trace.ts";
import type { CandidateSet, RankedCandidate } from "./candidates.ts";
import { type Decision, type Gates, gateOfCandidate } from "./decide.ts";
import type { Features } from "./features.ts";
import type { ReadCandidate } from "./passages.ts";
import type { RetrieveRequest } from "./request.ts";

/** Documents that a trace ranks at most. */
export const traceDocuments = 50;
/** Unconfirmed hits that a trace keeps at most, for those who may explain. */
const traceDropped = 50;

interface TracedSearch {
  readonly set: CandidateSet;
  readonly ranked: readonly RankedCandidate[];
  readonly features: Features;
  readonly decision: Decision;
  readonly chosen: readonly ReadCandidate[];
  readonly withinTopK: readonly RankedCandidate[];
}

export interface TraceInput {
  readonly id: string;
  readonly caller: Caller;
  readonly principals: readonly Principal[];
  readonly request: RetrieveRequest;
  readonly versions: Trace["versions"];
  readonly gates: Gates;
  readonly at: number;
  readonly durationMs: number;
  readonly eligible: TracedSearch;
  readonly visible: TracedSearch | undefined;
  readonly decision: Trace["decision"];
  /** Keeps every candidate of the search, and not only the best one of each of the first documents. */
  readonly everyChunk: boolean;
}

/** The record of one decision: ids and numbers, never a passage's text. */
export function traceOf(input: TraceInput): Trace {
  const { caller, request, eligible, visible, gates } = input;
  const chosen = new Set(eligible.chosen.map((item) => item.candidate.chunkId));
  const asked = new Set(eligible.withinTopK.map((candidate) => candidate.chunkId));
  const gate = (candidate: RankedCandidate): CandidateGate => {
    if (chosen.has(candidate.chunkId)) return "returned";
    if (asked.has(candidate.chunkId)) return "budget";
    return gateOfCandidate(candidate, gates, eligible.decision);
  };
  const gated = (visible?.ranked ?? []).filter((candidate) => candidate.trustGate !== "eligible");
  return {
    id: input.id,
    tenant: caller.tenant,
    user: caller.user,
    actors: caller.actors,
    principals: input.principals,
    at: input.at,
    durationMs: input.durationMs,
    query: request.query,
    request: {
      topK: request.top_k,
      maxTokens: request.max_tokens ?? null,
      minConfidence: request.min_confidence ?? null,
      conditions: request.filter,
    },
    versions: input.versions,
    gates,
    features: { ...eligible.features },
    candidates: [
      ...(input.everyChunk ? eligible.ranked : bestPerDocument(eligible.ranked, chosen)).map((candidate) =>
        entry(candidate, candidate.fused, candidate.late, gate(candidate)),
      ),
      ...bestPerDocument(gated, new Set()).map((candidate) =>
        entry(candidate, candidate.fused, candidate.late, gate(candidate)),
      ),
      // A trace belongs to one tenant: what an index found of another one is not told even to those who may explain.
      ...eligible.set.dropped
        .filter(({ key }) => key.tenant === caller.tenant)
        .slice(0, traceDropped)
        .map((hit) => entry(hit, 0, null, "recheck")),
    ],
    decision: input.decision,
  };
}

/** The best chunk of each of the first documents, and every returned chunk, in rank order. */
function bestPerDocument(ranked: readonly RankedCandidate[], returned: ReadonlySet<string>): RankedCandidate[] {
  const seen = new Set<string>();
  return ranked.filter((candidate) => {
    const name = keyString(candidate.key);
    const first = !seen.has(name) && seen.size < traceDocuments;
    if (first) seen.add(name);
    return first || returned.has(candidate.chunkId);
  });
}

function entry(hit: IndexHit, fused: number, late: number | null, gate: CandidateGate): TraceCandidate {
  return {
    source: hit.key.source,
    id: hit.key.id,
    generation: hit.generation,
    chunkId: hit.chunkId,
    chunk: hit.chunk,
    similarity: hit.similarity,
    bm25: hit.bm25,
    fused,
    late,
    gate,
  };
}
