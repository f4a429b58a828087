import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { policyRevisionsContract } from "./policy-revisions-contract.ts";

// One process alone has nobody to agree with: there is no embedded adapter.
describeRedis("PolicyRevisions on Redis", () => {
  let redis: TestRedis | undefined;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  policyRevisionsContract("redis", async () => {
    const namespace = randomUUID();
    const openOnce = async () => {
      const opened = await openTestLedger(redis, { namespace });
      onTestFinished(() => opened.ledger.close());
      return opened;
    };
    const { ledger, revisions } = await openOnce();
    return { revisions, reopen: async () => (await openOnce()).revisions, breakIt: () => ledger.close() };
  });
});
