import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { type RetrieveResponse, retrieveResponseSchema } from "#core/retrieval/response.ts";
import { CommandError } from "../terminal.ts";
import type { MappedDocument } from "./mapping.ts";

/** How long a document may take to become searchable, and how often it is looked at, ms. */
const indexingMs = 600_000;
const pollMs = 100;

/** One answer of the service as it came over the wire. */
export interface Reply {
  readonly status: number;
  /** The whole body as text. */
  readonly body: string;
  /** From sending the request to the last byte, as the client sees it. */
  readonly ms: number;
}

const putSchema = z.object({
  document: z.object({
    state: z.string(),
    failure: z.object({ code: z.string(), message: z.string() }).nullable(),
    live_chunks: z.int().nonnegative().nullish(),
  }),
});
const pageSchema = z.object({
  documents: z.array(z.object({ source: z.string(), id: z.string() })),
  next_cursor: z.string().nullable(),
});
const traceSchema = z.object({
  candidates: z.array(
    z.object({
      source: z.string(),
      document_id: z.string(),
      gate: z.string(),
      similarity: z.number().nullish(),
      bm25: z.number().nullish(),
      fused: z.number().nullish(),
      late: z.number().nullish(),
    }),
  ),
  /** Whatever numbers the confidence was made from, by name. */
  features: z.record(z.string(), z.number()).nullable(),
});
/** What eval reads of a caller's own trace. */
export type OwnTrace = z.infer<typeof traceSchema>;

/** A request that the service refused or could not do although it should have. */
export class ServiceError extends CommandError {
  override readonly name = "ServiceError";
}

/** The public HTTP API of a running service; nothing else of it is used. */
export class Api {
  readonly #url: string;

  /** @param url where it listens, without a slash at the end. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Sends one request. Any status is an answer; only a broken connection throws. */
  async send(method: string, path: string, token: string, body?: unknown): Promise<Reply> {
    const started = performance.now();
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text, ms: performance.now() - started };
  }

  /**
   * Puts a document and waits until it is searchable.
   * @returns its number of chunks where the service tells it, else `undefined`.
   * @throws ServiceError when the document is refused or cannot be indexed.
   */
  async put(document: MappedDocument, token: string): Promise<number | undefined> {
    const quality = {
      ...document.quality,
      ...(document.updatedAt === null ? {} : { updated_at: document.updatedAt }),
      ...(document.owner === null ? {} : { owner: document.owner }),
      ...(document.supersedes.length === 0 ? {} : { supersedes: document.supersedes }),
    };
    const reply = await this.send("PUT", `${documentPath(document.source, document.documentId)}?wait=true`, token, {
      version: 1,
      title: document.title,
      ...(document.url === null ? {} : { url: document.url }),
      content_type: document.contentType,
      body: document.body,
      acl: document.acl,
      labels: document.labels,
      quality,
    });
    if (reply.status !== 200 && reply.status !== 202) throw refused(`document "${document.id}"`, reply);
    let { state, failure, live_chunks } = parse(putSchema, reply, `document "${document.id}"`).document;
    // Accepted but not indexed within the deadline of one request: a long document, or a busy machine.
    const until = Date.now() + indexingMs;
    while (state === "indexing" && Date.now() < until) {
      await setTimeout(pollMs);
      const now = await this.send("GET", documentPath(document.source, document.documentId), token);
      if (now.status !== 200) throw refused(`document "${document.id}"`, now);
      ({ state, failure, live_chunks } = parse(putSchema, now, `document "${document.id}"`).document);
    }
    if (state === "searchable") return live_chunks ?? undefined;
    throw new ServiceError(`document "${document.id}" is ${state}: ${failure?.code ?? ""} ${failure?.message ?? ""}`);
  }

  /** Every document that a token may read: by the re-check, or as the compiled filter selects (for those who may explain). */
  async documents(token: string, via: "recheck" | "filter"): Promise<readonly { source: string; id: string }[]> {
    const found: { source: string; id: string }[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: "1000" });
      if (via === "filter") query.set("via", "filter");
      if (cursor !== null) query.set("cursor", cursor);
      const reply = await this.send("GET", `/v1/documents?${query}`, token);
      if (reply.status !== 200) throw refused("the list of documents", reply);
      const page: z.infer<typeof pageSchema> = parse(pageSchema, reply, "the list of documents");
      found.push(...page.documents);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return found;
  }

  /** Asks; the reply may be an error, which is for the caller to judge. */
  async retrieve(query: string, token: string): Promise<{ reply: Reply; response: RetrieveResponse | undefined }> {
    const reply = await this.send("POST", "/v1/retrieve", token, { query });
    if (reply.status !== 200) return { reply, response: undefined };
    return { reply, response: parse(retrieveResponseSchema, reply, "an answer") };
  }

  /** The caller's own view of how an answer came about. */
  async trace(id: string, token: string): Promise<{ reply: Reply; trace: OwnTrace | undefined }> {
    const reply = await this.send("GET", `/v1/retrievals/${id}`, token);
    if (reply.status !== 200) return { reply, trace: undefined };
    return { reply, trace: parse(traceSchema, reply, "a trace") };
  }
}

/** The path of a document: its id is one percent-encoded segment. */
export function documentPath(source: string, id: string): string {
  return `/v1/documents/${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
}

function refused(what: string, reply: Reply): ServiceError {
  return new ServiceError(`${what}: the service answered ${reply.status}: ${reply.body.slice(0, 500)}`);
}

function parse<T>(schema: z.ZodType<T>, reply: Reply, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(reply.body);
  } catch (cause) {
    throw new ServiceError(`${what}: the body is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ServiceError(`${what} does not match its schema: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
}
