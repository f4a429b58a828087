import { expect, test } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { AppError } from "#core/errors.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import { makeServer } from "#services/http/server.ts";
import { openIndexer } from "#test/kit/indexer.ts";
import { type HealthOptions, healthRoutes } from "./health.ts";

/** Everything but the policy, of a process that is well. */
const well = (embedder: Embedder): Omit<HealthOptions, "policy"> => ({
  models: {
    active: () => embedder.model.fingerprint,
    answering: () => embedder,
    model: () => embedder.model,
    problems: () => [],
    status: async () => [],
  },
  clock: Date.now,
  isClosing: () => false,
  isWritable: () => true,
  answers: true,
  durability: async () => ({ durability: "strict", warnings: [] }),
  lostTraces: () => 0,
});

test("a queue that cannot be reached shows in /readyz, and does not keep the service from being ready", async () => {
  const { policy, close } = await openIndexer();
  const embedder = hashedEmbedder();
  let isReachable = true;
  const app = makeServer({ logLevel: "silent", deadlineMs: 1_000 });
  await app.register(healthRoutes, {
    policy,
    ...well(embedder),
    isQueueReachable: () => isReachable,
  });
  const ask = async () => {
    const { statusCode, body } = await app.inject("/readyz");
    const codes: string[] = JSON.parse(body).codes;
    return [statusCode, codes.includes("queue-unreachable")];
  };
  expect(await ask()).toEqual([200, false]);
  isReachable = false;
  expect(await ask()).toEqual([200, true]);
  await app.close();
  await close();
});

test("a process that fell behind the others is not ready, and says so without claiming to shut down", async () => {
  const { policy, close } = await openIndexer();
  const embedder = hashedEmbedder();
  const app = makeServer({ logLevel: "silent", deadlineMs: 1_000 });
  await app.register(healthRoutes, {
    policy,
    ...well(embedder),
    catchUp: () => Promise.reject(new AppError("policy-outdated")),
  });
  const { statusCode, body } = await app.inject("/readyz");
  const codes: string[] = JSON.parse(body).codes;
  expect(statusCode).toBe(503);
  expect(codes).toContain("policy-outdated");
  expect(codes).not.toContain("shutting-down");
  await app.close();
  await close();
});
