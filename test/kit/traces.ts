import type { Feedback, Trace } from "#core/ports/trace.ts";

/** The trace of an abstention. */
export function trace(id: string, tenant = "halden", at = 1_000): Trace {
  return {
    id,
    tenant,
    user: "user:erin",
    actors: [],
    principals: ["user:erin"],
    at,
    durationMs: 1,
    query: "how many days",
    request: { topK: 8, maxTokens: null, minConfidence: null, conditions: {} },
    versions: { policy: "p", trust: "t", index: "1-f", embedding_model: "m" },
    gates: { floor: 0.1, threshold: 0.5 },
    features: { best_bm25: 1 },
    candidates: [],
    decision: { outcome: "abstained", reason: "no_match", confidence: 0 },
  };
}

/** Somebody's judgement of a retrieval. */
export function feedback(retrieval: string, over: Partial<Feedback> = {}): Feedback {
  return {
    tenant: "halden",
    retrieval,
    user: "user:erin",
    actors: [],
    judgement: "useful",
    document: null,
    comment: null,
    at: 2_000,
    ...over,
  };
}

/** A retention that erases nothing. */
export const keepAll = { maxAgeMs: 1e12, maxCount: 1e6 };
