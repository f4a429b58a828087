import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { feedback, keepAll, trace } from "#test/kit/traces.ts";
import { openRedisTraceStore, type RedisTraceOptions } from "./store.ts";

// What every trace store promises is tested by test/contract/trace.test.ts.

describeRedis("Traces on Redis", () => {
  let server: TestRedis | undefined;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  const open = (options: Partial<RedisTraceOptions>) =>
    openRedisTraceStore({
      url: server?.url ?? "",
      prefix: `test-${randomUUID()}`,
      clock: () => 1_000,
      retention: keepAll,
      ...options,
    });

  test("one tenant's traces never push out another one's", async () => {
    const store = await open({ retention: { maxAgeMs: 1e12, maxCount: 2 } });
    store.record(trace("ret_1", "marlow"));
    for (let at = 0; at < 10; at += 1) store.record(trace(`ret_${at}`));
    await store.flush();
    expect(await store.get("marlow", "ret_1")).toBeDefined();
    expect(await store.get("halden", "ret_7")).toBeUndefined();
    await store.close();
  });

  test("traces of a tenant that asks nothing any more are erased when they are too old, with all their keys", async () => {
    let now = 1_000;
    const prefix = `test-${randomUUID()}`;
    const store = await open({
      prefix,
      clock: () => now,
      retention: { maxAgeMs: 100, maxCount: 10 },
      flushMs: 1,
      sweepMs: 5,
    });
    store.record(trace("ret_1"));
    await store.judge(feedback("ret_1"));
    now = 1_101;
    const redis = new Redis(server?.url ?? "");
    await expect.poll(() => redis.keys(`${prefix}:*`), { timeout: 20_000 }).toEqual([`${prefix}:tenants`]);
    redis.disconnect();
    await store.close();
  });

  test("more traces than one script erases are erased all the same", async () => {
    let now = 1_000;
    const store = await open({ clock: () => now, retention: { maxAgeMs: 100, maxCount: 10_000 } });
    for (let at = 0; at < 2_500; at += 1) store.record(trace(`ret_${at}`));
    await store.flush();
    expect(await store.get("halden", "ret_2499")).toBeDefined();
    now = 1_101;
    await store.flush();
    expect(await store.get("halden", "ret_2499")).toBeUndefined();
    await store.close();
  });

  test("a trace holds no readable copy of the query", async () => {
    const prefix = `test-${randomUUID()}`;
    const store = await open({ prefix });
    store.record({ ...trace("ret_1"), query: "x".repeat(2_000) });
    await store.flush();
    const redis = new Redis(server?.url ?? "");
    const stored = await redis.getBuffer(`${prefix}:{halden}:trace:ret_1`);
    expect(stored?.length).toBeLessThan(1_000);
    redis.disconnect();
    await store.close();
  });
});
