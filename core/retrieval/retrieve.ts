import { randomBytes } from "node:crypto";
import type { Caller } from "../access/principal.ts";
import { confidenceFor } from "../calibration/published.ts";
import { AppError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { IndexQuery, SearchFilter, VectorIndex } from "../ports/index.ts";
import type { Policy, PolicySnapshot } from "../ports/policy.ts";
import type { TraceStore } from "../ports/trace.ts";
import { embedderDuring, indexDuring, ledgerDuring, type SearchedIndex, type SearchedLedger } from "./bounded.ts";
import { brokenIndex, type CandidateSet, findCandidates, type KnownLive, type RankedCandidate } from "./candidates.ts";
import type { ConfidenceModel } from "./confidence.ts";
import { type Decision, decide, type Gates, trustReason } from "./decide.ts";
import { weigh } from "./evidence.ts";
import type { Features } from "./features.ts";
import { inReadingOrder, passageOf, type ReadCandidate, withinBudget } from "./passages.ts";
import { type Question, readQuestion } from "./question.ts";
import type { Recheck } from "./recheck.ts";
import { conditionsOf, type RetrieveRequest } from "./request.ts";
import type { AbstainReason, RetrieveResponse } from "./response.ts";
import { round6 } from "./round.ts";
import { traceOf } from "./trace-of.ts";

/** The format of stored chunks and of their ids; part of `versions.index`. */
export const indexFormat = "1";

/** How often a search is repeated when documents were replaced under it. */
const attempts = 3;

/** What retrieval works on. */
export interface RetrieveDependencies {
  readonly index: VectorIndex;
  readonly ledger: SearchedLedger;
  readonly recheck: Recheck;
  readonly policy: Policy;
  /** The encoder of the fingerprint to search, asked once per question. @throws AppError `reindexing`, `embedder-unavailable` */
  readonly embedder: () => Embedder;
  readonly traces: TraceStore;
  readonly clock: Clock;
  /** Whether traces keep every candidate chunk, and not only the best one of each of the first documents. Absent = no. */
  readonly traceEveryChunk?: boolean;
}

/**
 * Answers one question for one caller, or abstains.
 * @param signal aborted when the question's time is over: it ends with `deadline-exceeded`, nothing further is asked of any port, and there is
 * neither an abstention nor a trace; `undefined` = nobody sets a time
 */
export type Retrieve = (
  caller: Caller,
  request: RetrieveRequest,
  signal: AbortSignal | undefined,
) => Promise<RetrieveResponse>;

/** One search with everything that the decision needs. */
interface Attempt {
  readonly set: CandidateSet;
  readonly ranked: readonly RankedCandidate[];
  readonly features: Features;
  readonly confidence: number;
  readonly decision: Decision;
  /** Texts of the survivors that are returned; empty for an abstention. */
  readonly chosen: readonly ReadCandidate[];
  /** Survivors within `top_k`, chosen or not. */
  readonly withinTopK: readonly RankedCandidate[];
}

/**
 * Builds `retrieve`: identity → principals → visibility filter ∧ eligible → dense and lexical search → re-check → fusion →
 * gates → response. An error anywhere is thrown; it never becomes an abstention, and an abstention is never an error.
 */
export function makeRetrieve(dependencies: RetrieveDependencies): Retrieve {
  const { policy, traces, clock } = dependencies;

  return async (caller, request, signal) => {
    const startedAt = clock();
    const snapshot = policy.current();
    const visibility = snapshot.visibility(caller);
    // The only one of this question, whatever becomes active meanwhile: vectors of two encoders are never compared.
    const embedder = embedderDuring(signal, dependencies.embedder());
    const gates = gatesFor(snapshot, embedder.model.name, request);
    const confidence = confidenceFor(snapshot.trust, embedder.model, caller.tenant);
    if (request.max_tokens !== undefined && request.max_tokens < embedder.model.maxTokens) {
      throw new AppError("invalid-request", {
        detail: `max_tokens: at least ${embedder.model.maxTokens}, so that one whole passage fits`,
        pointer: "/max_tokens",
      });
    }
    const ports: BoundPorts = {
      index: indexDuring(signal, dependencies.index),
      ledger: ledgerDuring(signal, dependencies.ledger),
      recheck: dependencies.recheck,
    };
    const question = await readQuestion(request.query, embedder);
    const conditions = conditionsOf(request.filter);
    const filterOf = (eligible: SearchFilter["eligible"]): SearchFilter => ({ visibility, eligible, conditions });
    const search = async (eligible: SearchFilter["eligible"]): Promise<Attempt> =>
      attempt(ports, {
        query: {
          fingerprint: embedder.model.fingerprint,
          vector: question.vector,
          terms: question.terms,
          density: true,
          filter: filterOf(eligible),
        },
        question,
        snapshot,
        gates,
        request,
        now: startedAt,
        confidence,
        denseWeight: embedder.model.denseWeight,
      });

    const gated: SearchFilter["eligible"] = { trust: snapshot.trust, now: startedAt };
    const isHeldBack = async ({ isHeldBack: byLedger, statistics }: CandidateSet): Promise<boolean> =>
      byLedger || ports.index.holdsBack(embedder.model.fingerprint, filterOf(gated), statistics.chunks);
    const eligible = await search(gated);
    // The second search only looks for the reason; nothing that it finds is ever returned. Where the gates held nothing back it would be the first one.
    const isAnswered = eligible.decision.outcome === "answered";
    const visible = isAnswered || !(await isHeldBack(eligible.set)) ? undefined : await search(null);
    const reason = reasonOf(eligible.decision, visible?.decision);

    const versions = {
      policy: snapshot.revision,
      trust: snapshot.trustRevision,
      index: `${indexFormat}-${embedder.model.fingerprint}`,
      embedding_model: embedder.model.name,
    };
    const common = {
      id: `ret_${randomBytes(16).toString("hex")}`,
      confidence: eligible.confidence,
      calibration: {
        state: confidence.state,
        fingerprint: embedder.model.fingerprint,
        fitted_on: confidence.fittedOn,
        fitted_at: confidence.fittedAt,
      },
      gates,
      versions,
      ...(dependencies.index.isApproximate === true ? { non_interference: "statistical" as const } : {}),
    };
    const [first, ...rest] = inReadingOrder(eligible.chosen).map(passageOf);
    const response: RetrieveResponse =
      reason === null && first !== undefined
        ? { outcome: "answered", ...common, passages: [first, ...rest] }
        : {
            outcome: "abstained",
            ...common,
            reason: reason ?? "no_match",
            message: "I don't have that information.",
            passages: [],
          };
    traces.record(
      traceOf({
        everyChunk: dependencies.traceEveryChunk ?? false,
        id: common.id,
        caller,
        principals: snapshot.principals(caller),
        request,
        versions,
        gates,
        at: startedAt,
        durationMs: clock() - startedAt,
        eligible,
        visible,
        decision: { outcome: response.outcome, reason, confidence: eligible.confidence },
      }),
    );
    return response;
  };
}

/**
 * The gates that apply: the model's floor, and the higher of the model's and the request's threshold.
 * @throws AppError `policy-unavailable` when trust.yaml has no entry for the model: without a floor there is no answer.
 */
function gatesFor(snapshot: PolicySnapshot, model: string, request: RetrieveRequest): Gates {
  const entry = snapshot.trust.models.get(model);
  if (entry === undefined || !Number.isFinite(entry.floor) || !Number.isFinite(entry.threshold)) {
    throw new AppError("policy-unavailable", {
      detail: `trust.yaml has no floor for the model ${model}`,
      retryAfterS: 5,
    });
  }
  return { floor: entry.floor, threshold: Math.max(entry.threshold, request.min_confidence ?? 0) };
}

/**
 * `null` for an answer. Otherwise the quality gate that dropped the best candidate, if the search over all visible documents
 * would have answered; else how far the eligible search came.
 */
function reasonOf(eligible: Decision, visible: Decision | undefined): AbstainReason | null {
  if (eligible.outcome === "answered") return null;
  if (visible?.outcome === "answered") return trustReason(visible.survivors) ?? eligible.reason;
  return eligible.reason;
}

/** The ports as one question sees them. */
interface BoundPorts {
  readonly index: SearchedIndex;
  readonly ledger: SearchedLedger;
  readonly recheck: Recheck;
}

interface AttemptInput {
  readonly query: Omit<IndexQuery, "limit">;
  readonly question: Question;
  readonly snapshot: PolicySnapshot;
  readonly gates: Gates;
  readonly request: RetrieveRequest;
  readonly now: number;
  readonly confidence: ConfidenceModel;
  readonly denseWeight: number;
}

/**
 * One consistent search: repeated when a generation was replaced between search, re-check and reading of the text.
 * @throws AppError `retrieval-contended` when that happens three times in a row.
 */
async function attempt(ports: BoundPorts, input: AttemptInput): Promise<Attempt> {
  const { query, question, snapshot, gates, request, now, confidence } = input;
  const known: KnownLive = new Map();
  for (let round = 0; round < attempts; round++) {
    const set = await findCandidates(ports, query, snapshot.trust, now, request.top_k, known);
    if (set === "replaced") continue;
    const evidence = await weigh(ports.index, query.fingerprint, set, question, input.denseWeight);
    if (evidence === "replaced") continue;
    const { ranked, features, texts: readTexts } = evidence;
    const value = round6(confidence.confidence(features));
    const decision = decide(ranked, value, gates);
    const base = { set, ranked, features, confidence: value, decision };
    if (decision.outcome === "abstained" || query.filter.eligible === null)
      return { ...base, chosen: [], withinTopK: [] };
    const withinTopK = decision.survivors.slice(0, request.top_k);
    const unread = withinTopK.map(({ chunkId }) => chunkId).filter((chunkId) => !readTexts.has(chunkId));
    const texts = unread.length === 0 ? readTexts : await ports.index.texts(unread, query.fingerprint);
    const read = withinTopK.flatMap((candidate) => {
      const text = readTexts.get(candidate.chunkId) ?? texts.get(candidate.chunkId);
      if (text === undefined) return [];
      if (text.chunkId !== candidate.chunkId) throw brokenIndex(`${candidate.chunkId} was answered with another text`);
      return [{ candidate, text }];
    });
    // A text that is gone was collected after its generation was replaced: what is live now is found by another search.
    if (read.length < withinTopK.length) continue;
    return { ...base, chosen: withinBudget(read, request.max_tokens ?? null), withinTopK };
  }
  throw new AppError("retrieval-contended", { retryAfterS: 1 });
}
