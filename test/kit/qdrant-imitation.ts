import { createServer, type IncomingMessage } from "node:http";
import { inverseDocumentFrequency } from "#core/text/bm25.ts";
import { fieldsIn, matches } from "./qdrant-filter.ts";

interface Point {
  readonly id: string;
  readonly vector: Readonly<Record<string, unknown>>;
  payload: Record<string, unknown>;
}

/** What a collection holds. */
export interface ImitatedCollection {
  readonly config: Record<string, unknown>;
  readonly indexes: Record<string, Record<string, unknown>>;
  readonly points: Map<string, Point>;
}

interface Sparse {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

interface Query {
  /** Absent in a page. */
  readonly query?: readonly number[] | Sparse | string;
  readonly using: string;
  readonly filter: unknown;
  readonly params?: { readonly idf?: { readonly corpus: unknown } };
  readonly limit: number;
  readonly with_payload: false | { readonly include: readonly string[] };
}

/** What the server is asked: method, path and body. */
export interface QdrantRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** An answer: a status and a body, both of which a test can make up. */
export interface QdrantAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A stand-in for the server that holds its points in memory and speaks as much of its API as the index uses. */
export interface QdrantImitation {
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly requests: QdrantRequest[];
  readonly collections: ReadonlyMap<string, ImitatedCollection>;
  /** Called before a request is answered; what it gives is the answer instead. */
  intercept: ((request: QdrantRequest) => QdrantAnswer | undefined | Promise<QdrantAnswer | undefined>) | undefined;
  version: string;
  /** Loses all collections and aliases, as with an empty disk. */
  forgetEverything(): void;
  close(): Promise<void>;
}

/**
 * Starts the stand-in. It is exact where a real server may be approximate, counts its idf over the corpus of the query, and refuses filters over
 * fields without an index. The contract runs on it and on a real server alike, which is what keeps it honest.
 */
export async function imitateQdrant(): Promise<QdrantImitation> {
  const collections = new Map<string, ImitatedCollection>();
  const aliases = new Map<string, string>();
  const imitation: { -readonly [K in keyof QdrantImitation]: QdrantImitation[K] } = {
    url: "",
    requests: [],
    collections,
    intercept: undefined,
    version: "1.19.0",
    forgetEverything: () => {
      collections.clear();
      aliases.clear();
    },
    close: async () => {},
  };
  const server = createServer((request, reply) => {
    void (async () => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const asked: QdrantRequest = { method: request.method ?? "", path: pathname, body: await bodyOf(request) };
      imitation.requests.push(asked);
      let answer: QdrantAnswer;
      try {
        answer = (await imitation.intercept?.(asked)) ?? {
          status: 200,
          body: pathname === "/" ? { version: imitation.version } : { result: answerTo(collections, aliases, asked) },
        };
      } catch (error) {
        answer = { status: 400, body: { status: { error: String(error) } } };
      }
      reply.writeHead(answer.status, { "content-type": "application/json" });
      reply.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  imitation.url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  imitation.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return imitation;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function answerTo(
  collections: Map<string, ImitatedCollection>,
  aliases: Map<string, string>,
  { method, path, body }: QdrantRequest,
): unknown {
  if (path === "/aliases") {
    return { aliases: [...aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name })) };
  }
  if (path === "/collections/aliases") {
    for (const { create_alias } of body.actions as { create_alias: Record<string, string> }[]) {
      aliases.set(create_alias.alias_name ?? "", create_alias.collection_name ?? "");
    }
    return true;
  }
  const [, , name = "", ...rest] = path.split("/");
  const action = rest.join("/");
  const collection = collections.get(aliases.get(name) ?? name);
  if (action === "exists") return { exists: collection !== undefined };
  if (method === "PUT" && action === "") {
    if (collection !== undefined) throw new Error("exists");
    collections.set(name, { config: body, indexes: {}, points: new Map() });
    return true;
  }
  if (collection === undefined) throw new Error(`no collection ${name}`);
  if (method === "PATCH" && action === "") {
    Object.assign(collection.config, {
      metadata: { ...(collection.config.metadata as object), ...(body.metadata as object) },
    });
    return true;
  }
  if (action === "") return described(collection);
  if (action === "index") {
    collection.indexes[String(body.field_name)] = body.field_schema as Record<string, unknown>;
    return { status: "completed" };
  }
  refuseUnindexed(collection, body);
  return onPoints(collection, `${method} ${action}`, body);
}

function described({ config, indexes }: ImitatedCollection): unknown {
  const { vectors, sparse_vectors, shard_number, strict_mode_config, metadata } = config;
  return {
    config: { params: { vectors, sparse_vectors, shard_number }, strict_mode_config, metadata },
    payload_schema: Object.fromEntries(
      Object.entries(indexes).map(([field, schema]) => [field, { data_type: schema.type, params: schema }]),
    ),
  };
}

function refuseUnindexed({ indexes }: ImitatedCollection, body: unknown): void {
  for (const field of fieldsIn(body)) if (!(field in indexes)) throw new Error(`no index for ${field}`);
}

function onPoints({ points }: ImitatedCollection, action: string, body: Record<string, unknown>): unknown {
  const selected = (filter: unknown): Point[] =>
    [...points.values()]
      .filter(({ id, payload }) => matches(filter, id, payload))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  switch (action) {
    case "PUT points":
      for (const point of body.points as Point[]) if (!points.has(point.id)) points.set(point.id, point);
      return { status: "completed" };
    case "POST points/delete":
      for (const id of body.points as string[]) points.delete(id);
      return { status: "completed" };
    case "POST points/payload":
      for (const point of selected(body.filter)) point.payload = { ...point.payload, ...(body.payload as object) };
      return { status: "completed" };
    case "POST points/count":
      return { count: selected(body.filter).length };
    case "POST points":
      return (body.ids as string[]).flatMap((id) => {
        const point = points.get(id);
        if (point === undefined) return [];
        return [
          { ...shown(point, body.with_payload), ...(body.with_vector === false ? {} : { vector: point.vector }) },
        ];
      });
    case "POST points/scroll": {
      const from = selected(body.filter).filter(({ id }) => body.offset === undefined || id >= String(body.offset));
      const limit = Number(body.limit);
      return {
        points: from.slice(0, limit).map((point) => shown(point, body.with_payload)),
        next_page_offset: from[limit]?.id ?? null,
      };
    }
    case "POST facet": {
      const counts = new Map<unknown, number>();
      for (const { payload } of selected(body.filter)) {
        const value = payload[String(body.key)];
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return { hits: [...counts].map(([value, count]) => ({ value, count })) };
    }
    case "POST points/query/batch":
      return (body.searches as Query[]).map((query) => ({ points: found(points, selected, query) }));
    default:
      throw new Error(`not imitated: ${action}`);
  }
}

function found(points: ReadonlyMap<string, Point>, selected: (filter: unknown) => Point[], query: Query): unknown[] {
  const score = scoreOf(points, selected, query);
  return selected(query.filter)
    .filter(({ id }) => id !== query.query)
    .map((point) => ({ point, score: score(point) }))
    .filter((one): one is { point: Point; score: number } => one.score !== undefined)
    .toSorted((a, b) => b.score - a.score)
    .slice(0, query.limit)
    .map(({ point, score: value }) => ({ ...shown(point, query.with_payload), version: 0, score: value }));
}

function scoreOf(
  points: ReadonlyMap<string, Point>,
  selected: (filter: unknown) => Point[],
  { query, using, params }: Query,
): (point: Point) => number | undefined {
  if (query === undefined) return () => 1;
  const of = ({ vector }: Point) => vector[using];
  if (typeof query === "object" && "indices" in query) {
    const corpus = params?.idf === undefined ? [...points.values()] : selected(params.idf.corpus);
    const sparse = corpus.map((point) => of(point) as Sparse);
    const idf = query.indices.map((index) =>
      inverseDocumentFrequency(sparse.length, sparse.filter(({ indices }) => indices.includes(index)).length),
    );
    return (point) => {
      const { indices, values } = of(point) as Sparse;
      const shared = query.indices.map((index) => indices.indexOf(index));
      if (shared.every((at) => at < 0)) return undefined;
      return shared.reduce(
        (sum, at, place) => Math.fround(sum + (values[at] ?? 0) * (query.values[place] ?? 0) * (idf[place] ?? 0)),
        0,
      );
    };
  }
  const vector = typeof query === "string" ? (points.get(query)?.vector[using] as number[]) : query;
  return (point) => Math.fround((of(point) as number[]).reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0));
}

function shown({ id, payload }: Point, select: unknown): { id: string; payload?: Record<string, unknown> } {
  if (select === false || select === undefined) return { id };
  const kept: Record<string, unknown> = {};
  for (const field of (select as { include: readonly string[] }).include) {
    if (payload[field] !== undefined) kept[field] = payload[field];
  }
  return { id, payload: kept };
}
