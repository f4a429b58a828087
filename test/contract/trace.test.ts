import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openRedisTraceStore } from "#adapters/trace-redis/store.ts";
import { openTraceStore } from "#adapters/trace-sqlite/store.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { traceContract } from "./trace-contract.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

traceContract("sqlite", async (settings) => {
  const folder = mkdtempSync(join(tmpdir(), "reticent-traces-"));
  folders.push(folder);
  const reopen = async () => openTraceStore({ file: join(folder, "traces.db"), ...settings });
  return { store: await reopen(), reopen };
});

describeRedis("TraceStore contract on Redis", () => {
  let server: TestRedis | undefined;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  traceContract("redis", async (settings) => {
    const { url = "" } = server ?? {};
    const prefix = `test-${randomUUID()}`;
    const reopen = () => openRedisTraceStore({ url, prefix, ...settings });
    return { store: await reopen(), reopen };
  });
});
