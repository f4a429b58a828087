/**
 * `REDIS_URL=redis://… node bench/queue/main.ts`: what a wake-up and a trace cost on that server. Uses keys of its own and leaves its few
 * kept jobs behind. Prints one JSON object.
 */
import { cpus, loadavg } from "node:os";
import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import type { DocumentKey } from "#core/document.ts";
import type { Trace } from "#core/ports/trace.ts";

const url = process.env.REDIS_URL;
if (url === undefined) throw new Error("REDIS_URL is not set");
const prefix = `{bench-${process.pid}}`;
const key = (id: string): DocumentKey => ({ tenant: "halden", source: "wiki", id });

const openQueue = (concurrency: number) =>
  openBullQueue({
    url,
    prefix,
    concurrency,
    maxAttempts: 5,
    backoffMs: 200,
    maxBackoffMs: 30_000,
    onGiveUp: async () => {},
    onError: () => {},
    onTrouble: (error) => console.error(error),
  });

const round = (value: number): number => Math.round(value * 100) / 100;

function quantiles(times: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => round(sorted[Math.floor(sorted.length * part)] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function oneByOne(count: number, work: (at: number) => Promise<unknown>) {
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) times.push(await timed(() => work(at)));
  return quantiles(times);
}

/** Per second, with that many in flight. */
async function together(count: number, inFlight: number, work: (at: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const ms = await timed(() =>
    Promise.all(
      Array.from({ length: inFlight }, async () => {
        for (let at = next++; at < count; at = next++) await work(at);
      }),
    ),
  );
  return Math.round((count / ms) * 1_000);
}

async function drainRate(concurrency: number, count: number): Promise<number> {
  const worker = await openQueue(concurrency);
  let done = 0;
  const ms = await timed(
    () =>
      new Promise<void>((resolve) => {
        worker.start(async () => {
          done += 1;
          if (done === count) resolve();
        });
      }),
  );
  await worker.close();
  return Math.round((count / ms) * 1_000);
}

const producer = await openQueue(1);
const results: Record<string, unknown> = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
results.wakeMs = await oneByOne(2_000, (at) => producer.wake(key(`a${at}`)));
results.wakeAgainMs = await oneByOne(2_000, (at) => producer.wake(key(`a${at}`)));
results.wakesPerSecond16 = await together(8_000, 16, (at) => producer.wake(key(`b${at}`)));
results.jobsPerSecond8 = await drainRate(8, 10_000);
for (let at = 0; at < 3_000; at += 1) await producer.wake(key(`c${at}`));
results.jobsPerSecond2 = await drainRate(2, 3_000);

const worker = await openQueue(2);
let arrived: () => void = () => {};
worker.start(async () => arrived());
results.wakeToHandlerMs = await oneByOne(1_000, async (at) => {
  const handled = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  await producer.wake(key(`d${at}`));
  await handled;
});
await worker.close();
await producer.close();

const candidates = Array.from({ length: 50 }, (_, chunk) => ({
  source: "wiki",
  id: `page-${chunk}.md`,
  generation: 3,
  chunkId: crypto.randomUUID(),
  chunk,
  similarity: 0.5 - chunk / 1_000 + Math.random() / 1e6,
  bm25: 10 * Math.random(),
  fused: 1 / (60 + chunk),
  late: null,
  gate: "returned" as const,
}));
const traceOf = (id: string): Trace => ({
  id,
  tenant: "halden",
  user: "user:erin",
  actors: [],
  principals: ["user:erin", "group:employees"],
  at: Date.now(),
  durationMs: 7,
  query: "how many days of leave do I have",
  request: { topK: 8, maxTokens: null, minConfidence: null, conditions: {} },
  versions: { policy: "p", trust: "t", index: "1-f", embedding_model: "m" },
  gates: { floor: 0.1, threshold: 0.5 },
  features: { best_bm25: 1 },
  candidates,
  decision: { outcome: "answered", reason: null, confidence: 0.8 },
});
const retention = { maxAgeMs: 60_000, maxCount: 5_000 };
const traces = await openRedisTraceStore({ url, prefix: `bench-${process.pid}`, clock: Date.now, retention });
const count = 5_000;
const recordMs = await timed(async () => {
  for (let at = 0; at < count; at += 1) traces.record(traceOf(`ret_${at}`));
});
const writeMs = await timed(() => traces.flush());
results.traceRecordMicroseconds = round((recordMs / count) * 1_000);
results.tracesPerSecond = Math.round((count / writeMs) * 1_000);
results.traceGetMs = await oneByOne(1_000, (at) => traces.get("halden", `ret_${at}`));
const judgement = { tenant: "halden", user: "user:erin", actors: [], judgement: "useful", document: null } as const;
results.judgeMs = await oneByOne(1_000, (at) =>
  traces.judge({ ...judgement, retrieval: `ret_${at}`, comment: null, at: Date.now() }),
);
results.pageOf1000Ms = round(await timed(() => traces.allFeedback("halden", null, 1_000)));
await traces.close();
results.load = loadavg().map(round);
console.log(JSON.stringify(results, null, 2));
