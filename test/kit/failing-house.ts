import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import type { TraceStore } from "#core/ports/trace.ts";
import { type EmbeddingsServer, embeddingsServer } from "./embeddings-server.ts";
import { type FailingHttp, failingHttp } from "./failing-http.ts";
import { type FailingRedis, failingRedis } from "./failing-redis.ts";
import { type FailingService, failingService, type Reply } from "./failing-service.ts";
import { type Dependency, type Documented, documented, type Operation, operations } from "./failure-table.ts";
import { openAiFor } from "./openai.ts";
import { startQdrant } from "./qdrant.ts";
import { imitateQdrant } from "./qdrant-imitation.ts";
import { startRedis } from "./redis.ts";

/** A service in one process on a Redis, a Qdrant and an embeddings endpoint, each of which a test can make fail alone. */
export interface FailingHouse {
  readonly service: FailingService;
  readonly traces: TraceStore;
  readonly redis: Readonly<Record<"ledger" | "queue" | "traces", FailingRedis>>;
  readonly qdrant: FailingHttp;
  readonly endpoint: EmbeddingsServer;
  /** Stands before {@link endpoint}. */
  readonly endpointProxy: FailingHttp;
  close(): Promise<void>;
}

/** The longest request, ms. What hangs is given up after four fifths of it. */
const deadlineMs = 1_000;
const keepAll = { maxAgeMs: 1e12, maxCount: 1e6 };

/** What is always there to be found. */
export const lamp = "what burns in the lamp of the lighthouse";

/** Opens one. The Redis is real; the Qdrant is where there is a program, else it is imitated. */
export async function failingHouse(): Promise<FailingHouse> {
  const server = await startRedis({ own: true });
  if (server === undefined) throw new Error("there is no Redis");
  const index = (await startQdrant({ own: true })) ?? (await imitateQdrant());
  const endpoint = await embeddingsServer();
  const redis = {
    ledger: await failingRedis(`${server.url}/0`),
    queue: await failingRedis(`${server.url}/1`),
    traces: await failingRedis(`${server.url}/2`),
  };
  const qdrant = await failingHttp(index.url);
  const traces = await openRedisTraceStore({
    url: redis.traces.url,
    clock: Date.now,
    retention: keepAll,
    answerMs: 500,
    flushMs: 1,
  });
  const endpointProxy = await failingHttp(new URL(endpoint.baseUrl).origin);
  const { patience, ...options } = openAiFor({ baseUrl: `${endpointProxy.url}/v1` });
  const service = await failingService(
    {
      deadlineMs,
      adapters: { ledger: "redis", index: "qdrant", queue: "bullmq", traces: "redis" },
      redis: { url: redis.ledger.url, queueUrl: redis.queue.url, durability: "always", namespace: "reticent" },
      qdrant: { url: qdrant.url, exactChunks: 200_000, isApproximateAllowed: false, namespace: "reticent" },
      embedder: "openai",
      openai: { ...options, patience: { ...patience, attemptMs: 300, queryMs: 700, passageMs: 700, restMs: 50 } },
    },
    (ports) => ({ ...ports, traces }),
  );
  const house: FailingHouse = {
    service,
    traces,
    redis,
    qdrant,
    endpoint,
    endpointProxy,
    async close() {
      await service.close();
      await traces.close();
      for (const proxy of [qdrant, endpointProxy, ...Object.values(redis)]) await proxy.close();
      await endpoint.stop();
      await ("stop" in index ? index.stop() : index.close());
      await server.stop();
    },
  };
  expect(await service.put("lamp", "The lamp of the lighthouse burns amber.", { wait: true })).toMatchObject({
    body: { document: { state: "searchable" } },
  });
  return house;
}

/** How long until everything is as before: workers, sweeps and connections come back within a second or two. */
const recovery = { timeout: 30_000, interval: 50 };

const admin = ["writers", "explainers"];
const reader = ["guests"];

/** What one trouble meets: a document for each operation, and a trace that this process does not hold any more. */
interface Met {
  readonly name: string;
  readonly retrieval: string;
}

/** Everything that was acknowledged, to be seen later. */
type Replies = Readonly<Record<Operation, Reply>>;

async function prepare({ service, traces }: FailingHouse): Promise<Met> {
  const name = `n${randomUUID().slice(0, 8)}`;
  for (const kind of ["shared", "deleted"]) {
    await service.put(`${kind}-${name}`, `The ${kind} ${name} of the harbour.`, { wait: true });
    const status = () => service.call("wendy", admin, "GET", `/v1/documents/open/${kind}-${name}`);
    await expect.poll(async () => (await status()).body, recovery).toMatchObject({ document: { state: "searchable" } });
  }
  const { body } = await service.ask(lamp);
  expect(body).toMatchObject({ outcome: "answered" });
  const retrieval = String(body.id);
  // Until then this process would have it at hand.
  await traces.flush();
  return { name, retrieval };
}

async function askAll({ service }: FailingHouse, { name, retrieval }: Met): Promise<Replies> {
  const calls: Readonly<Record<Operation, () => Promise<Reply>>> = {
    question: () => service.ask(lamp),
    document: () => service.put(`new-${name}`, `The beacon ${name} burns violet.`),
    access: () => service.call("wendy", admin, "PUT", `/v1/documents/open/shared-${name}/acl`, { acl: [], labels: [] }),
    deletion: () => service.call("wendy", admin, "DELETE", `/v1/documents/open/deleted-${name}?version=1`),
    disabling: () =>
      service.call("wendy", admin, "PUT", `/v1/principals/user:eve-${name}/disabled`, { disabled: true }),
    list: () => service.call("gwen", reader, "GET", "/v1/documents"),
    selection: () => service.call("wendy", [...admin, ...reader], "GET", "/v1/documents?via=filter"),
    trace: () => service.call("gwen", reader, "GET", `/v1/retrievals/${retrieval}`),
    status: () => service.call("wendy", admin, "GET", "/v1/status"),
    readiness: () => service.call("gwen", reader, "GET", "/readyz"),
  };
  const replies = await Promise.all(operations.map(async (one) => [one, await calls[one]()] as const));
  return Object.fromEntries(replies) as Replies;
}

const codesOf = ({ body }: Reply): readonly unknown[] => (Array.isArray(body.codes) ? body.codes : [body.code]);
const harmless = "policy-untested";

function check(operation: Operation, reply: Reply, { status, code }: Documented): void {
  const told = codesOf(reply).filter((one) => one !== undefined && one !== harmless);
  expect([operation, reply.status, told]).toEqual([operation, status, code === undefined ? [] : [code]]);
  if (status !== 503) return;
  if (operation !== "readiness") expect([operation, Number(reply.retryAfter) >= 1]).toEqual([operation, true]);
  // Nothing of an answer, and least of all that there is none.
  for (const key of ["outcome", "passages", "reason", "documents"]) expect(reply.body).not.toHaveProperty(key);
}

/** Titles of what a question brings. */
const found = ({ body }: Reply): readonly unknown[] =>
  Array.isArray(body.passages) ? body.passages.map((passage: { document_id: unknown }) => passage.document_id) : [];

/**
 * Makes a dependency fail, asks everything at once, ends the failure, and sees that all answers were the documented ones and that everything is
 * as before, in the same process.
 * @param otherwise what this failure is answered with instead of the documented answers; for what is only slow, those of good health
 * @returns what was acknowledged meanwhile and did not come to be
 */
export async function goThrough(
  house: FailingHouse,
  dependency: Dependency,
  trouble: { begin(): Promise<void>; end(): Promise<void> },
  otherwise: Partial<Readonly<Record<Operation, Documented>>> = {},
): Promise<readonly string[]> {
  const { service } = house;
  const expected = { ...documented[dependency], ...otherwise };
  const met = await prepare(house);
  await trouble.begin();
  let first: Replies;
  try {
    // What was asked at the moment of the failure; then again, when it is known: of the second ones nothing is new but `readiness`.
    first = await askAll(house, met);
    for (const operation of operations) {
      if (operation !== "readiness") check(operation, first[operation], expected[operation]);
    }
    const ready = () => service.call("gwen", reader, "GET", "/readyz");
    // Some of it is known only when what was sent behind an answer was given up.
    await expect.poll(async () => check("readiness", await ready(), expected.readiness), recovery).toBeUndefined();
    const nothing = await service.ask("zyxwv utsrq");
    check("question", nothing, expected.question);
    if (expected.question.status === 200) expect(nothing.body).toMatchObject({ outcome: "abstained" });
  } finally {
    await trouble.end();
  }
  await expect.poll(async () => (await service.ask(lamp)).body.outcome, recovery).toBe("answered");
  const { name } = met;
  const lost: string[] = [];
  if (first.document.status === 202) {
    const asked = () => service.ask(`which colour has the beacon ${name}`);
    await expect.poll(async () => found(await asked()), recovery).toContain(`new-${name}`);
  }
  const closed = await service.ask(`the shared deleted ${name} of the harbour`, { top_k: 50 });
  expect(closed.status).toBe(200);
  if (first.access.status === 200 && found(closed).includes(`shared-${name}`)) lost.push("access");
  if (first.deletion.status === 200 && found(closed).includes(`deleted-${name}`)) lost.push("deletion");
  if (first.disabling.status === 200) {
    const eve = await service.call(`eve-${name}`, reader, "POST", "/v1/retrieve", { query: lamp });
    if (eve.body.code !== "principal-disabled") lost.push("disabling");
  }
  const after = async () => codesOf(await service.call("gwen", reader, "GET", "/readyz"));
  await expect.poll(after, recovery).toEqual([harmless]);
  return lost;
}
