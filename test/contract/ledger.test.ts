import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { ledgerArchive } from "./ledger/archive.ts";
import { ledgerContract } from "./ledger-contract.ts";

const folders: string[] = [];
const databases: DatabaseSync[] = [];
const ledgers: Ledger[] = [];
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.close();
  for (const database of databases.splice(0)) database.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

ledgerContract("sqlite", async (clock) => {
  const folder = mkdtempSync(join(tmpdir(), "reticent-ledger-"));
  folders.push(folder);
  const openOnce = async () => {
    const database = openDatabase(join(folder, "ledger.db"));
    databases.push(database);
    return openSqliteLedger({ database, clock });
  };
  return { ledger: await openOnce(), reopen: openOnce };
});

ledgerArchive("sqlite", async () => {
  const openOnce = async () => {
    const folder = mkdtempSync(join(tmpdir(), "reticent-ledger-"));
    folders.push(folder);
    const database = openDatabase(join(folder, "ledger.db"));
    databases.push(database);
    return openSqliteLedger({ database, clock: () => 0 });
  };
  return { from: await openOnce(), to: await openOnce() };
});

describeRedis("ledger-redis", () => {
  let redis: TestRedis | undefined;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());

  ledgerContract("redis", async (clock) => {
    const namespace = randomUUID();
    const openOnce = async () => {
      const { ledger } = await openTestLedger(redis, { clock, namespace });
      ledgers.push(ledger);
      return ledger;
    };
    return { ledger: await openOnce(), reopen: openOnce };
  });

  ledgerArchive("redis", async () => {
    const openOnce = async () => {
      const { ledger } = await openTestLedger(redis, { clock: () => 0, namespace: randomUUID() });
      ledgers.push(ledger);
      return ledger;
    };
    return { from: await openOnce(), to: await openOnce() };
  });
});
