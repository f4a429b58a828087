import type { RetrieveResponse } from "#core/retrieval/response.ts";
import type { Api, OwnTrace } from "./api.ts";
import type { DataQuery } from "./dataset.ts";
import { type Corpus, foreignPassages, hiddenNames, type Leak } from "./leaks.ts";
import type { MappedUser, Mapping } from "./mapping.ts";

/** Ranked documents kept of one question. */
const hitsKept = 50;
/** Gates in front of the floor: what they drop was never ranked for an answer. */
const dropped = new Set(["recheck", "stale", "untrusted"]);

/** A candidate chunk: document, similarity, BM25, fused value, late interaction (`null` where it did not look). */
export type CandidateRow = readonly [
  document: string,
  similarity: number,
  bm25: number,
  fused: number,
  late: number | null,
];

/** What one user got for one query, over all of the user's tenants. */
export interface Asked {
  readonly user: string;
  readonly query: DataQuery;
  /** Confidence of the leading response; 0 when every request failed. */
  readonly score: number;
  readonly outcome: "answered" | "abstained" | "error";
  readonly reason: string | null;
  /** Ranked documents before the floor and confidence gates, without repeats. */
  readonly hits: readonly string[];
  /** What was returned, best first: document and place in its body, `id#start-end`; empty for an abstention. */
  readonly passages: readonly string[];
  /** What the confidence was made from, by the trace of the leading response; `null` without one. */
  readonly features: Readonly<Record<string, number>> | null;
  /** Candidates that the user's own traces show, per tenant. */
  readonly candidates: readonly number[];
  /** Those candidates themselves before the floor, in rank order, per tenant, the leading response first: kept only when asked for. */
  readonly rows: readonly (readonly CandidateRow[])[];
  /** Times of the retrieve requests, ms. */
  readonly ms: readonly number[];
  /** The responses without what is random in them, per tenant: kept only when asked for. */
  readonly responses: readonly string[];
  /** The keys of the responses with their outcomes, for comparing shapes. */
  readonly shapes: readonly string[];
  /** The model and the gates in force as the first response says; `null` when every request failed. */
  readonly gates: { readonly model: string; readonly floor: number; readonly threshold: number } | null;
}

/** What one tenant's service said. */
export interface Answer {
  readonly response: RetrieveResponse;
  readonly trace: OwnTrace;
  /** The name in the set of a document of the service. */
  readonly nameOf: (source: string, documentId: string) => string;
}

/** Documents of a trace in rank order, as they were before the floor and confidence gates. */
export function hitsOf({ trace, nameOf }: Pick<Answer, "trace" | "nameOf">): readonly string[] {
  return trace.candidates.filter(({ gate }) => !dropped.has(gate)).map((one) => nameOf(one.source, one.document_id));
}

/** The candidates of the same documents as {@link hitsOf}; one without numbers is left out. */
function rowsOf({ trace, nameOf }: Answer): readonly CandidateRow[] {
  return trace.candidates.flatMap((one): CandidateRow[] => {
    const { similarity, bm25, fused, late } = one;
    if (dropped.has(one.gate) || typeof similarity !== "number" || typeof bm25 !== "number") return [];
    return [[nameOf(one.source, one.document_id), similarity, bm25, fused ?? 0, late ?? null]];
  });
}

const byConfidence = (answers: readonly Answer[]) =>
  answers.toSorted((a, b) => b.response.confidence - a.response.confidence);

/**
 * Unites what a user of several tenants got: the more confident response leads and its documents come first; equally confident
 * ones in the order of the tenants. At most fifty documents, without repeats.
 */
export function unite(
  answers: readonly Answer[],
): Pick<Asked, "score" | "outcome" | "reason" | "hits" | "passages" | "features"> {
  const [leader, ...others] = byConfidence(answers);
  if (leader === undefined) return { score: 0, outcome: "error", reason: null, hits: [], passages: [], features: null };
  const { response } = leader;
  const hits = [leader, ...others].flatMap(hitsOf);
  return {
    score: response.confidence,
    outcome: response.outcome,
    reason: response.outcome === "abstained" ? response.reason : null,
    hits: [...new Set(hits)].slice(0, hitsKept),
    passages: [leader, ...others].flatMap(({ response: { passages }, nameOf }) =>
      passages.map((one) => `${nameOf(one.source, one.document_id)}#${one.start_char}-${one.end_char}`),
    ),
    features: leader.trace.features,
  };
}

/** A response without its random id: what must be equal, byte by byte, whatever hidden documents there are. */
export function withoutRandom(status: number, body: string): string {
  return `${status} ${body.replace(/"ret_[0-9a-f]{32}"/, '"ret"')}`;
}

/** The keys of a JSON value, of the objects in its lists too: what a response looks like, whatever its values are. */
export function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(shapeOf))].filter((shape) => shape !== "").join("|")}]`;
  if (typeof value !== "object" || value === null) return "";
  return `{${Object.entries(value)
    .map(([key, inner]) => key + shapeOf(inner))
    .join(",")}}`;
}

/** What asking needs beside the question. */
export interface AskContext {
  readonly api: Api;
  readonly corpus: Corpus;
  readonly nameOf: Mapping["nameOf"];
  /** Text that no response may hold, whoever asks. */
  readonly never: readonly string[];
  /** Whether to keep {@link Asked.rows}. Absent = no. */
  readonly keepRows?: boolean;
  /** Called with everything hidden that came out. */
  readonly onLeak: (leak: Leak) => void;
  /** Called with every request that did not succeed. */
  readonly onError: (error: { user: string; query: string; status: number; body: string }) => void;
}

/** Asks one query as one user, once per tenant, reads the user's own traces, and looks for leaks in all of it. */
export async function ask(
  { api, corpus, nameOf, never, keepRows, onLeak, onError }: AskContext,
  user: MappedUser,
  tokens: readonly { readonly tenant: string; readonly token: string }[],
  query: DataQuery,
  keepResponses: boolean,
): Promise<Asked> {
  const answers: Answer[] = [];
  const ms: number[] = [];
  const responses: string[] = [];
  const shapes = new Set<string>();
  const report = (where: Leak["where"], found: readonly Pick<Leak, "what" | "document">[]) => {
    for (const leak of found) onLeak({ where, user: user.id, query: query.id, ...leak });
  };
  const failed = (status: number, body: string) => {
    report("error", hiddenNames(body, query.text, corpus, user.visible));
    onError({ user: user.id, query: query.id, status, body });
  };
  for (const { tenant, token } of tokens) {
    const nameHere = (source: string, documentId: string) => nameOf(tenant, source, documentId);
    const { reply, response } = await api.retrieve(query.text, token);
    ms.push(reply.ms);
    if (keepResponses) responses.push(withoutRandom(reply.status, reply.body));
    if (response === undefined) {
      failed(reply.status, reply.body);
      continue;
    }
    shapes.add(`${response.outcome} ${shapeOf(response)}`);
    report("response", hiddenNames(reply.body, query.text, corpus, user.visible));
    report("response", foreignPassages(response, corpus, user.visible, nameHere));
    const text = response.passages.map((passage) => passage.text).join("\n");
    report(
      "response",
      never.filter((one) => text.includes(one)).map((document) => ({ what: "never", document })),
    );
    const own = await api.trace(response.id, token);
    if (own.trace === undefined) {
      failed(own.reply.status, own.reply.body);
      continue;
    }
    report("trace", hiddenNames(own.reply.body, query.text, corpus, user.visible));
    answers.push({ response, trace: own.trace, nameOf: nameHere });
  }
  const first = answers[0]?.response;
  return {
    user: user.id,
    query,
    ...unite(answers),
    candidates: answers.map(({ trace }) => trace.candidates.length),
    rows: keepRows === true ? byConfidence(answers).map(rowsOf) : [],
    ms,
    responses,
    shapes: [...shapes],
    gates: first === undefined ? null : { model: first.versions.embedding_model, ...first.gates },
  };
}
