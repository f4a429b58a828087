import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { Caller } from "#core/access/principal.ts";
import { during } from "#core/deadline.ts";
import { keyString } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Policy } from "#core/ports/policy.ts";
import type { Feedback, Trace, TraceCandidate, TraceStore } from "#core/ports/trace.ts";
import { isReadableNow } from "#core/retrieval/recheck.ts";
import { signalOf } from "#services/http/deadline.ts";

export interface RetrievalsOptions {
  readonly traces: TraceStore;
  readonly policy: Policy;
  readonly ledger: Pick<Ledger, "read">;
  /** The fingerprint that questions search. */
  readonly fingerprint: () => string;
}

const idPattern = /^ret_[0-9a-f]{32}$/;

/** Who asks, and for how long. */
export interface Asker {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** Who sent a request. */
export const askerOf = (request: FastifyRequest): Asker => ({ caller: request.caller, signal: signalOf(request) });

/** How a caller may look at a trace. */
export type View = "own" | "explain";

/**
 * A trace and how this caller may look at it: all of it with `explain` on the tenant, else only one's own.
 * @throws AppError `not-found` for anything else, whether it exists or not
 */
export async function traceFor(
  { traces, policy }: Pick<RetrievalsOptions, "traces" | "policy">,
  { caller, signal }: Asker,
  id: string,
): Promise<{ trace: Trace; view: View }> {
  const trace = idPattern.test(id) ? await during(signal, () => traces.get(caller.tenant, id, signal)) : undefined;
  if (trace === undefined) throw new AppError("not-found");
  if (policy.current().may(caller, "explain", "tenant")) return { trace, view: "explain" };
  if (!isOwn(trace, caller)) throw new AppError("not-found");
  return { trace, view: "own" };
}

/**
 * GET /v1/retrievals/{id}: how an answer came about. Callers get their own, about what they may read now; a principal that the
 * policy allows `explain` on the tenant gets all of it, what others said of it included. Anything else is a 404, whether it exists or not.
 */
export const retrievalsRoutes: FastifyPluginAsync<RetrievalsOptions> = async (app, options) => {
  app.get<{ Params: { id: string } }>("/v1/retrievals/:id", async (request, reply) => {
    const { caller } = request;
    const asker = askerOf(request);
    const { signal } = asker;
    const { trace, view } = await traceFor(options, asker, request.params.id);
    const judged = await during(signal, () => options.traces.feedback(caller.tenant, trace.id, signal));
    reply.header("cache-control", "no-store");
    if (view === "explain") {
      const all = shown(trace, trace.candidates, trace.features);
      return { view, ...all, principals: trace.principals, feedback: judged.map(shownFeedback) };
    }
    const candidates = await readableNow(trace, asker, options);
    // Features are made from all candidates: once one of them is closed to the caller, they would still tell of it.
    const whole = candidates.length === trace.candidates.length;
    const own = shown(trace, candidates, whole ? trace.features : null);
    return {
      view,
      ...own,
      // How often a document was indexed before the caller could read it is not the caller's business.
      candidates: own.candidates.map(({ generation: _generation, ...item }) =>
        whole ? item : { ...item, bm25: null, fused: null, late: null },
      ),
      decision: whole ? own.decision : { ...own.decision, confidence: null },
      principals: trace.principals,
      // Their own words, but for those about a document that is closed to them now.
      feedback: judged
        .filter((item) => isOwn(item, caller))
        .filter(({ document }) => document === null || candidates.some((item) => isDocument(item, document)))
        .map(shownFeedback),
    };
  });
};

/** The same user, in person or through the same agents. */
function isOwn(kept: Pick<Trace, "user" | "actors">, caller: Caller): boolean {
  return kept.user === caller.user && JSON.stringify(kept.actors) === JSON.stringify(caller.actors);
}

/** Whether a candidate is a chunk of a document. */
export function isDocument(item: TraceCandidate, document: { readonly source: string; readonly id: string }): boolean {
  return item.source === document.source && item.id === document.id;
}

/** A judgement over the wire. */
export function shownFeedback({ user, actors, judgement, document, comment, at }: Feedback) {
  return {
    user,
    actors,
    judgement,
    source: document?.source ?? null,
    document_id: document?.id ?? null,
    comment,
    at: new Date(at).toISOString(),
  };
}

/** The candidates of a trace that its caller may read now. */
export async function readableNow(
  trace: Trace,
  { caller, signal }: Asker,
  options: Omit<RetrievalsOptions, "traces">,
): Promise<TraceCandidate[]> {
  const filter = options.policy.current().visibility(caller);
  const keyOf = ({ source, id }: TraceCandidate) => ({ tenant: trace.tenant, source, id });
  const keys = [...new Map(trace.candidates.map((item) => [keyString(keyOf(item)), keyOf(item)])).values()];
  const records = await during(signal, () => options.ledger.read(keys, signal));
  const readable = new Set(
    records.flatMap((record) =>
      record !== undefined && isReadableNow(record, filter, options.fingerprint()) ? [keyString(record.key)] : [],
    ),
  );
  return trace.candidates.filter((item) => item.gate !== "recheck" && readable.has(keyString(keyOf(item))));
}

function shown(trace: Trace, candidates: readonly TraceCandidate[], features: Trace["features"] | null) {
  return {
    id: trace.id,
    tenant: trace.tenant,
    user: trace.user,
    actors: trace.actors,
    at: new Date(trace.at).toISOString(),
    duration_ms: trace.durationMs,
    query: trace.query,
    request: {
      top_k: trace.request.topK,
      max_tokens: trace.request.maxTokens,
      min_confidence: trace.request.minConfidence,
      filter: trace.request.conditions,
    },
    versions: trace.versions,
    gates: trace.gates,
    features,
    candidates: candidates.map((item) => ({
      source: item.source,
      document_id: item.id,
      generation: item.generation,
      chunk_id: item.chunkId,
      chunk: item.chunk,
      similarity: item.similarity,
      bm25: item.bm25,
      fused: item.fused,
      late: item.late,
      gate: item.gate,
    })),
    decision: trace.decision,
  };
}
