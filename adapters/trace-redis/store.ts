import { setImmediate as nextTurn } from "node:timers/promises";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { z } from "zod";
import { askingConnection, readyWithin, within } from "#adapters/redis/connections.ts";
import { plainError } from "#adapters/redis/plain-error.ts";
import { assertTime, during } from "#core/deadline.ts";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import type { Clock } from "#core/ports/clock.ts";
import { type Feedback, type FeedbackPosition, judgements, type Trace, type TraceStore } from "#core/ports/trace.ts";
import { makeBatches } from "./batches.ts";
import { defineTraceScripts, timeText, withoutTime } from "./scripts.ts";

/** Settings of {@link openRedisTraceStore}. Times in ms. */
export interface RedisTraceOptions {
  readonly url: string;
  /** Before all keys; one per deployment on a shared server. */
  readonly prefix?: string;
  readonly clock: Clock;
  /** `maxCount` is of each tenant: with one count for all, one tenant's questions would erase another one's traces. */
  readonly retention: { readonly maxAgeMs: number; readonly maxCount: number };
  /** Time from a trace to its writing: until then, only this process has it. */
  readonly flushMs?: number;
  /** Between two looks at every tenant for what is too old. */
  readonly sweepMs?: number;
  /** Traces that may wait for a server that is away; more are counted as lost. */
  readonly maxWaiting?: number;
  /** Longest time that one question to the server may take. */
  readonly answerMs?: number;
  /** Told of every batch and sweep that failed, and of lost connections. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Level 1: for 11 KB of trace it takes a tenth of the time of the default level and gives as few bytes. In another thread it would take 40 times
 * as long, for the setting up of each compression.
 */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const packedTrace = (trace: Trace): Buffer => zstdCompressSync(Buffer.from(JSON.stringify(trace)), compression);
/** Traces compressed, 0.1 ms each, before requests get a turn. */
const packedAtOnce = 20;
/** Traces that one script erases: about 10 ms in which the server does nothing else. */
const erasedAtOnce = 1_000;

const feedbackSchema = z.strictObject({
  tenant: z.string(),
  retrieval: z.string(),
  user: z.string(),
  actors: z.array(z.string()),
  judgement: z.enum(judgements),
  document: z.strictObject({ source: z.string(), id: z.string() }).nullable(),
  comment: z.string().nullable(),
  at: z.int(),
});

const feedbackOf = (stored: string): Feedback => feedbackSchema.parse(JSON.parse(withoutTime(stored)));

const fieldOf = ({ retrieval, user, actors, document }: FeedbackPosition): string =>
  JSON.stringify([retrieval, user, actors, document?.source ?? "", document?.id ?? ""]);

/**
 * Keeps traces in a Redis that several query processes share. A trace is compressed JSON; it never holds passage text. The keys of a tenant
 * begin with its name, and nothing is read without it. As durable as the server is configured.
 * All reads and `judge` throw AppError `traces-unavailable` while the server is away; `record` never does.
 * @throws NoSuchDatabase when the server does not have the database that the URL names
 */
export async function openRedisTraceStore(options: RedisTraceOptions): Promise<TraceStore> {
  const { url, prefix = "reticent-traces", clock, retention } = options;
  const onError = (error: unknown): void => options.onError?.(plainError(error));
  const { flushMs = 25, sweepMs = 60_000, maxWaiting = 10_000, answerMs = 2_000 } = options;
  const redis = askingConnection(url, answerMs);
  redis.on("error", onError);
  await readyWithin(redis, answerMs);
  defineTraceScripts(redis);
  const tenantsKey = `${prefix}:tenants`;
  // A tenant's name holds no brace: see tenantPattern.
  const keys = (tenant: string) => {
    const own = `${prefix}:{${tenant}}:`;
    const [order, feedback] = [`${own}order`, `${own}feedback`];
    return {
      own,
      order,
      feedback,
      trace: (id: string) => `${own}trace:${id}`,
      judged: (id: string) => `${own}judged:${id}`,
    };
  };

  /** What the server answers is read in here: an answer that is none is an outage as well. */
  async function ask<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await during(signal, () => within(answerMs, "traces", work));
    } catch (cause) {
      assertTime(signal);
      throw new AppError("traces-unavailable", { retryAfterS: 1 }, { cause: plainError(cause) });
    }
  }

  async function send(batch: readonly Trace[]): Promise<void> {
    for (const [tenant, traces] of Map.groupBy(batch, (trace) => trace.tenant)) {
      const packed: (string | number | Buffer)[] = [];
      for (const [at, trace] of traces.entries()) {
        if (at % packedAtOnce === 0) await nextTurn();
        packed.push(trace.id, trace.at, packedTrace(trace));
      }
      const { own, order } = keys(tenant);
      await ask(async () => {
        // First, so that no trace is kept of a tenant that no sweep knows.
        await redis.sadd(tenantsKey, tenant);
        await redis.traceRecord(order, own, ...packed);
      });
      await retain(tenant);
    }
  }

  async function retain(tenant: string): Promise<void> {
    const { own, order, feedback } = keys(tenant);
    const before = clock() - retention.maxAgeMs;
    const erase = () => redis.traceRetain(order, feedback, own, before, retention.maxCount, erasedAtOnce);
    while ((await ask(erase)) === erasedAtOnce);
  }

  async function sweep(): Promise<void> {
    for (const tenant of await ask(() => redis.smembers(tenantsKey))) await retain(tenant);
  }

  const batches = makeBatches({ flushMs, retryMs: 1_000, maxWaiting, send, onError });
  const sweeper = setInterval(() => void sweep().catch(onError), sweepMs);
  sweeper.unref();

  return {
    record: (trace) => batches.add(trace),
    async get(tenant, id, signal) {
      const fresh = batches.find(tenant, id);
      if (fresh !== undefined) return fresh;
      return ask(async () => {
        const packed = await redis.getBuffer(keys(tenant).trace(id));
        // Written by `send` alone, from the type itself.
        return packed === null ? undefined : (JSON.parse(zstdDecompressSync(packed).toString()) as Trace);
      }, signal);
    },
    async judge(feedback, signal) {
      const { tenant, retrieval, at } = feedback;
      // A judgement hangs on its trace, which may still wait for its batch.
      if (batches.find(tenant, retrieval) !== undefined) await batches.write();
      const { trace, judged, feedback: all } = keys(tenant);
      const value = `${timeText(at)}${JSON.stringify(feedbackSchema.parse(feedback))}`;
      const most = limits.feedbackPerRetrieval;
      const judge = () => redis.traceJudge(trace(retrieval), judged(retrieval), all, fieldOf(feedback), value, most);
      const kept = await ask(judge, signal);
      if (kept !== "kept" && kept !== "gone" && kept !== "full") throw new AppError("traces-unavailable");
      return kept;
    },
    async feedback(tenant, retrieval, signal) {
      return ask(async () => {
        const stored = await redis.hgetall(keys(tenant).judged(retrieval));
        return Object.entries(stored)
          .map(([field, value]) => ({ order: value.slice(0, timeText(0).length) + field, value }))
          .toSorted((a, b) => (a.order < b.order ? -1 : 1))
          .map(({ value }) => feedbackOf(value));
      }, signal);
    },
    async allFeedback(tenant, after, limit, signal) {
      const { own, feedback } = keys(tenant);
      const from = after === null ? "-" : `(${timeText(after.at)}${fieldOf(after)}`;
      return ask(async () => {
        const found = await redis.tracePage(feedback, own, from, limit + 1);
        return { feedback: found.slice(0, limit).map(feedbackOf), more: found.length > limit };
      }, signal);
    },
    async flush() {
      await batches.write();
      await sweep();
    },
    lost: (tenant) => batches.lost(tenant),
    async close() {
      clearInterval(sweeper);
      await batches.close();
      redis.disconnect();
    },
  };
}
