import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type FailingHttp, failingHttp, type HttpFault } from "#test/kit/failing-http.ts";
import { type FailingRedis, failingRedis, redisFaults } from "#test/kit/failing-redis.ts";
import { failingService } from "#test/kit/failing-service.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { describeRedis, startRedis } from "#test/kit/redis.ts";

// A process that starts while something is away: without ledger or index it ends at once and says why; anything else it waits for.

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const main = join(import.meta.dirname, "..", "..", "services", "cli", "main.ts");

interface Servers {
  readonly redis: FailingRedis;
  readonly queue: FailingRedis;
  readonly qdrant: FailingHttp;
}

async function servers(): Promise<Servers> {
  const server = await startRedis({ own: true });
  closers.push(() => server?.stop());
  const index = await imitateQdrant();
  closers.push(() => index.close());
  const started = {
    redis: await failingRedis(`${server?.url}/0`),
    queue: await failingRedis(`${server?.url}/1`),
    qdrant: await failingHttp(index.url),
  };
  closers.push(() => Promise.all(Object.values(started).map((proxy) => proxy.close())));
  return started;
}

/** Runs a process of a role to its end. */
async function run(role: string, { redis, queue, qdrant }: Servers): Promise<{ code: unknown; stderr: string }> {
  const policy = policyFolder();
  const dataDir = mkdtempSync(join(tmpdir(), "reticent-start-"));
  closers.push(() => {
    policy.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const { PATH = "" } = process.env;
  const withPassword = redis.url.replace("redis://", "redis://default:never-to-be-seen@");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, role], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH,
      RETICENT_PORT: "0",
      RETICENT_DATA: dataDir,
      RETICENT_POLICIES: policy.dir,
      RETICENT_EMBEDDER: "hashed",
      RETICENT_DEADLINE_MS: "1000",
      RETICENT_LEDGER: "redis",
      RETICENT_INDEX: "qdrant",
      RETICENT_QUEUE: "bullmq",
      RETICENT_REDIS_URL: withPassword,
      RETICENT_QUEUE_REDIS_URL: queue.url,
      RETICENT_QDRANT_URL: qdrant.url,
    },
  });
  closers.push(() => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const [code] = await once(child, "exit");
  return { code, stderr };
}

describeRedis(
  "A process that starts",
  () => {
    const ofRedis: readonly (readonly [string, keyof typeof redisFaults, RegExp])[] = [
      ["query", "refuses connections", /ECONNREFUSED/],
      ["indexer", "hangs", /./],
      ["worker", "answers garbage", /./],
    ];
    test.for(ofRedis)(
      "as %s without its ledger, whose server %s, ends with one line that names it",
      async ([role, does, reason]) => {
        const started = await servers();
        await started.redis.begin(redisFaults[does]);
        const { code, stderr } = await run(role, started);
        const { host } = new URL(started.redis.url);
        expect(stderr.split("\n")).toEqual([
          expect.stringMatching(`^reticent: RETICENT_REDIS_URL \\(${host}\\): ledger-unavailable: `),
          "",
        ]);
        expect(stderr).toMatch(reason);
        expect(stderr).not.toContain("never-to-be-seen");
        expect(code).toBe(1);
      },
    );

    const ofQdrant: readonly (readonly [string, string, HttpFault, RegExp])[] = [
      ["query", "refuses connections", "refused", /ECONNREFUSED/],
      ["worker", "hangs", "hang", /no whole answer in 800 ms/],
      ["query", "is too old", () => ({ version: "1.18.2" }), /1\.18\.2/],
    ];
    test.for(ofQdrant)(
      "as %s without its index, whose server %s, ends with one line that names it",
      async ([role, , fault, reason]) => {
        const started = await servers();
        await started.qdrant.begin(fault);
        const { code, stderr } = await run(role, started);
        const { host } = new URL(started.qdrant.url);
        expect(stderr.split("\n")).toEqual([
          expect.stringMatching(`^reticent: RETICENT_QDRANT_URL \\(${host}\\): index-unavailable: `),
          "",
        ]);
        expect(stderr).toMatch(reason);
        expect(code).toBe(1);
      },
    );

    test("without queue and traces answers, says that wake-ups do not get through, and needs no restart when both are there", async () => {
      const { redis, queue, qdrant } = await servers();
      const traces = await failingRedis(redis.url);
      closers.push(() => traces.close());
      await queue.begin("refused");
      await traces.begin("refused");
      const service = await failingService({
        deadlineMs: 1_000,
        adapters: { ledger: "sqlite", index: "qdrant", queue: "bullmq", traces: "redis" },
        redis: { url: traces.url, queueUrl: queue.url, durability: "always", namespace: "reticent" },
        qdrant: { url: qdrant.url, exactChunks: 200_000, isApproximateAllowed: false, namespace: "reticent" },
      });
      closers.push(() => service.close());
      const codes = async () => (await service.call("gwen", ["guests"], "GET", "/readyz")).body;
      const withoutQueue = { status: "ready", codes: ["policy-untested", "queue-unreachable"] };
      await expect.poll(codes, { timeout: 20_000 }).toMatchObject(withoutQueue);
      expect(await service.put("lamp", "The lamp of the lighthouse burns amber.")).toMatchObject({ status: 202 });
      await queue.end();
      await traces.end();
      const asked = () => service.ask("what burns in the lamp of the lighthouse");
      await expect.poll(async () => (await asked()).body.outcome, { timeout: 20_000 }).toBe("answered");
      await expect.poll(codes, { timeout: 20_000 }).toMatchObject({ codes: ["policy-untested"] });
    });
  },
  { own: true },
);
