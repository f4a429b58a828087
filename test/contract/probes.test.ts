import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { openSqliteProbes } from "#adapters/ledger-sqlite/probes.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { probesContract } from "./probes-contract.ts";

probesContract("sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "reticent-probes-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const openOnce = () => {
    const database = openDatabase(join(folder, "reticent.db"));
    onTestFinished(() => {
      if (database.isOpen) database.close();
    });
    return { database, probes: openSqliteProbes(database) };
  };
  const { database, probes } = openOnce();
  return { probes, reopen: async () => openOnce().probes, breakIt: async () => database.close() };
});

describeRedis("ProbeStore on Redis", () => {
  let redis: TestRedis | undefined;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  probesContract("redis", async () => {
    const namespace = randomUUID();
    const openOnce = async () => {
      const opened = await openTestLedger(redis, { namespace });
      onTestFinished(() => opened.ledger.close());
      return opened;
    };
    const { ledger, probes } = await openOnce();
    return { probes, reopen: async () => (await openOnce()).probes, breakIt: () => ledger.close() };
  });
});
