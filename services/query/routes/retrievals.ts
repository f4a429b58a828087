import type { FastifyPluginAsync } from "fastify";
import type { Caller } from "#core/access/principal.ts";
import { keyString } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Policy } from "#core/ports/policy.ts";
import type { Trace, TraceCandidate, TraceStore } from "#core/ports/trace.ts";
import { isReadableNow } from "#core/retrieval/recheck.ts";

export interface RetrievalsOptions {
  readonly traces: TraceStore;
  readonly policy: Policy;
  readonly ledger: Pick<Ledger, "read">;
  readonly fingerprint: string;
}

const idPattern = /^ret_[0-9a-f]{32}$/;

/**
 * GET /v1/retrievals/{id}: how an answer came about. Callers get their own, about what they may read now; a principal that the
 * policy allows `explain` on the tenant gets all of it. Anything else is a 404, whether it exists or not.
 */
export const retrievalsRoutes: FastifyPluginAsync<RetrievalsOptions> = async (app, options) => {
  app.get<{ Params: { id: string } }>("/v1/retrievals/:id", async (request, reply) => {
    const { caller } = request;
    const trace = idPattern.test(request.params.id)
      ? await options.traces.get(caller.tenant, request.params.id)
      : undefined;
    if (trace === undefined) throw new AppError("not-found");
    const snapshot = options.policy.current();
    reply.header("cache-control", "no-store");
    if (snapshot.may(caller, "explain", "tenant")) {
      return { view: "explain", ...shown(trace, trace.candidates, trace.features), principals: trace.principals };
    }
    if (!isOwn(trace, caller)) throw new AppError("not-found");
    const candidates = await readableNow(trace, caller, options);
    // Features are made from all candidates: once one of them is closed to the caller, they would still tell of it.
    const whole = candidates.length === trace.candidates.length;
    const own = shown(trace, candidates, whole ? trace.features : null);
    return {
      view: "own",
      ...own,
      // How often a document was indexed before the caller could read it is not the caller's business.
      candidates: own.candidates.map(({ generation: _generation, ...item }) =>
        whole ? item : { ...item, bm25: null, fused: null },
      ),
      decision: whole ? own.decision : { ...own.decision, confidence: null },
      principals: trace.principals,
    };
  });
};

/** The same user, in person or through the same agents. */
function isOwn(trace: Trace, caller: Caller): boolean {
  return trace.user === caller.user && JSON.stringify(trace.actors) === JSON.stringify(caller.actors);
}

async function readableNow(trace: Trace, caller: Caller, options: RetrievalsOptions): Promise<TraceCandidate[]> {
  const filter = options.policy.current().visibility(caller);
  const keyOf = ({ source, id }: TraceCandidate) => ({ tenant: trace.tenant, source, id });
  const keys = [...new Map(trace.candidates.map((item) => [keyString(keyOf(item)), keyOf(item)])).values()];
  const records = await options.ledger.read(keys);
  const readable = new Set(
    records.flatMap((record) =>
      record !== undefined && isReadableNow(record, filter, options.fingerprint) ? [keyString(record.key)] : [],
    ),
  );
  return trace.candidates.filter((item) => item.gate !== "recheck" && readable.has(keyString(keyOf(item))));
}

function shown(trace: Trace, candidates: readonly TraceCandidate[], features: Trace["features"] | null) {
  return {
    id: trace.id,
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
      gate: item.gate,
    })),
    decision: trace.decision,
  };
}
