import type { Principal } from "../access/principal.ts";
import type { AbstainReason } from "../retrieval/response.ts";

/**
 * What became of a candidate chunk. `returned` is in the response; the others name the gate that dropped it:
 * `recheck` the ledger did not confirm it, `floor` the raw cosine, `confidence` the whole answer, `top_k` and `budget` the
 * request's own limits, `stale` and `untrusted` the quality gates (seen only by the second search).
 */
export type CandidateGate =
  | "returned"
  | "recheck"
  | "floor"
  | "confidence"
  | "top_k"
  | "budget"
  | "stale"
  | "untrusted";

/** A candidate chunk, best first. Ids and numbers only: a trace never holds passage text. */
export interface TraceCandidate {
  readonly source: string;
  readonly id: string;
  readonly generation: number;
  readonly chunkId: string;
  readonly chunk: number;
  readonly similarity: number;
  readonly bm25: number;
  /** The fused rank score; an order, never a confidence. */
  readonly fused: number;
  /** Weighted mean match of late interaction; `null` when it did not look at the candidate. */
  readonly late: number | null;
  readonly gate: CandidateGate;
}

/** Everything that a decision was made from, so that it can be explained and made again. */
export interface Trace {
  /** `ret_…`, random. */
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  readonly actors: readonly string[];
  readonly principals: readonly Principal[];
  /** The clock that the gates read, ms since the epoch. */
  readonly at: number;
  readonly durationMs: number;
  readonly query: string;
  readonly request: {
    readonly topK: number;
    readonly maxTokens: number | null;
    readonly minConfidence: number | null;
    readonly conditions: Readonly<Record<string, unknown>>;
  };
  readonly versions: {
    readonly policy: string;
    readonly trust: string;
    readonly index: string;
    readonly embedding_model: string;
  };
  readonly gates: { readonly floor: number; readonly threshold: number };
  readonly features: Readonly<Record<string, number>>;
  readonly candidates: readonly TraceCandidate[];
  readonly decision: {
    readonly outcome: "answered" | "abstained";
    readonly reason: AbstainReason | null;
    readonly confidence: number;
  };
}

/** What a person, or an agent for one, can say of a retrieval, or of one document that it returned. */
export const judgements = ["useful", "wrong", "outdated"] as const;
export type Judgement = (typeof judgements)[number];

/** Somebody's latest judgement of a retrieval, or of one document that it returned. Never read by a retrieval. */
export interface Feedback {
  readonly tenant: string;
  /** Id of the retrieval. */
  readonly retrieval: string;
  /** Who judged: the user, and the agents that acted. */
  readonly user: string;
  readonly actors: readonly string[];
  readonly judgement: Judgement;
  /** `null` = the answer as a whole. */
  readonly document: { readonly source: string; readonly id: string } | null;
  readonly comment: string | null;
  /** ms since the epoch. */
  readonly at: number;
}

/** A page of feedback. */
export interface FeedbackPage {
  readonly feedback: readonly Feedback[];
  /** True when there is more after the last one. */
  readonly more: boolean;
}

/** What tells a judgement from every other one of its tenant, and when it was given. Holds nothing that another tenant moves. */
export type FeedbackPosition = Pick<Feedback, "at" | "retrieval" | "user" | "actors" | "document">;

/**
 * Keeps traces in batches, off the hot path, within a retention limit. Another process sees a trace once its batch is written. What a request asks
 * carries its signal, as in the ledger.
 */
export interface TraceStore {
  /** Never throws and never waits: a trace that cannot be kept is counted, not allowed to fail an answer. */
  record(trace: Trace): void;
  /** A trace of this tenant, also one that this process recorded a moment ago. @throws AppError `traces-unavailable`, like all that follow */
  get(tenant: string, id: string, signal?: AbortSignal): Promise<Trace | undefined>;
  /**
   * Keeps a judgement for as long as its trace, in the place of an earlier one of the same principal of the same retrieval and document.
   * On disk when it resolves, but for a crash of the machine; on a server, as safe as that is set up to be.
   * @returns `gone` when the trace is not there any more, `full` when the retrieval has `limits.feedbackPerRetrieval` judgements.
   */
  judge(feedback: Feedback, signal?: AbortSignal): Promise<"kept" | "gone" | "full">;
  /** All judgements of a retrieval, earliest first. */
  feedback(tenant: string, retrieval: string, signal?: AbortSignal): Promise<readonly Feedback[]>;
  /** The judgements of a tenant in the order in which they were given, after a position; `null` = from the first. */
  allFeedback(
    tenant: string,
    after: FeedbackPosition | null,
    limit: number,
    signal?: AbortSignal,
  ): Promise<FeedbackPage>;
  /** Writes what waits. */
  flush(): Promise<void>;
  /** Traces of a tenant that this process could not keep since its start; without one, of all tenants, which is for operators alone. */
  lost(tenant?: string): number;
  close(): Promise<void>;
}
