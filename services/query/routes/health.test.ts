import { expect, test } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { makeServer } from "#services/http/server.ts";
import { openIndexer } from "#test/kit/indexer.ts";
import { healthRoutes } from "./health.ts";

test("a queue that cannot be reached shows in /readyz, and does not keep the service from being ready", async () => {
  const { policy, close } = await openIndexer();
  const embedder = hashedEmbedder();
  let isReachable = true;
  const app = makeServer({ logLevel: "silent", deadlineMs: 1_000 });
  await app.register(healthRoutes, {
    policy,
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
