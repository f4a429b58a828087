import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Store } from "#adapters/ledger-redis/store.ts";
import { nobody } from "#core/access/acl.ts";
import { AppError } from "#core/errors.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { fingerprint, makeLive } from "#test/contract/ledger/support.ts";
import { grantTo, keyOf, noQuality, putOf, visibleTo } from "#test/kit/documents.ts";
import { type Held, hold } from "#test/kit/hold.ts";
import { openTestLedger, openWrappedLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { indexFaults } from "#test/kit/redis-indexes.ts";

const key = keyOf("page");
const finance = grantTo("group:finance");
const first = { key, generation: 1, fingerprint, contentVersion: 1, accessRevision: 1, chunkCount: 1 };

describeRedis("ledger-redis in several processes", () => {
  let redis: TestRedis | undefined;
  let ledger: Ledger;
  let slow: Ledger;
  let held: Held<Store>;
  let namespace = "";
  const open: Ledger[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());
  beforeEach(async () => {
    namespace = `races-${crypto.randomUUID()}`;
    ledger = await another();
  });
  afterEach(async () => {
    const faults = await indexFaults(redis?.url ?? "", namespace);
    if (faults.length > 0) throw new Error(faults.join("\n"));
    for (const one of open.splice(0)) await one.close();
  });

  async function another(): Promise<Ledger> {
    const opened = await openTestLedger(redis, { namespace });
    open.push(opened.ledger);
    return opened.ledger;
  }

  /** Makes `slow`, whose next write has been decided and waits to be released. */
  async function hesitate(): Promise<void> {
    slow = await openWrappedLedger(redis, { namespace }, (store) => {
      held = hold(store, "run", "before");
      return held.port;
    });
    open.push(slow);
  }

  test("a revoke between a publish's decision and its write is never stepped over", async () => {
    await ledger.putDocument(putOf(key));
    await ledger.announce(first);
    await hesitate();
    const publishing = slow.publish(first);
    await held.reached;
    await ledger.putAccess({ key, access: nobody });
    held.release();
    expect(await publishing).toBe("access-moved");
    expect((await ledger.read([key]))[0]).toMatchObject({ live: {}, access: nobody });
  });

  test("a publish that is overtaken by a delete brings nothing back, and what it wrote is to be erased", async () => {
    await ledger.putDocument(putOf(key));
    await ledger.announce(first);
    await hesitate();
    const publishing = slow.publish(first);
    await held.reached;
    await ledger.deleteDocument({ key, version: 1 });
    for (const one of await ledger.collectable(1, 10)) await ledger.collected(one);
    held.release();
    expect(await publishing).toBe("stale");
    expect(await ledger.collectable(1, 10)).toEqual([{ key, generation: 1, fingerprint }]);
  });

  test("an older put that was decided first and written last is ignored", async () => {
    await hesitate();
    const older = slow.putDocument(putOf(key, { version: 1, body: "old" }));
    await held.reached;
    await ledger.putDocument(putOf(key, { version: 2, body: "new", access: finance }));
    held.release();
    expect((await older).outcome).toBe("ignored");
    expect(await ledger.readBody(key, 1)).toBe("new");
    expect((await ledger.read([key]))[0]).toMatchObject({ access: finance, lastGeneration: 1 });
  });

  test("a newer put that another one overtook keeps its text under the generation that it gets in the end", async () => {
    await hesitate();
    const newer = slow.putDocument(putOf(key, { version: 2, body: "new" }));
    await held.reached;
    await ledger.putDocument(putOf(key, { version: 1, body: "old" }));
    held.release();
    expect((await newer).record).toMatchObject({ wanted: { version: 2, generation: 2 } });
    expect(await ledger.readBody(key, 2)).toBe("new");
  });

  test("a change of access that expected a revision is refused when another one came first", async () => {
    await ledger.putDocument(putOf(key));
    await hesitate();
    const granting = slow.putAccess({ key, access: finance, expectedAccessRevision: 1 });
    await held.reached;
    await ledger.putAccess({ key, access: nobody });
    held.release();
    await expect(granting).rejects.toMatchObject({ code: "revision-mismatch" });
    expect((await ledger.read([key]))[0]).toMatchObject({ access: nobody });
  });

  test("what becomes active while others are retired is not retired", async () => {
    await ledger.activate(undefined, "old");
    await ledger.putDocument(putOf(key));
    for (const under of ["old", "new"]) await makeLive(ledger, key, under);
    await hesitate();
    const retiring = slow.retireOthers(["old"], 10);
    await held.reached;
    expect(await ledger.activate("old", "new")).toBe(true);
    held.release();
    await retiring;
    expect(Object.keys((await ledger.read([key]))[0]?.live ?? {})).toContain("new");
  });

  test("a document that is accepted while a fingerprint becomes known lags under it like every other", async () => {
    await ledger.putDocument(putOf(keyOf("before")));
    await hesitate();
    const putting = slow.putDocument(putOf(keyOf("meanwhile")));
    await held.reached;
    await makeLive(ledger, keyOf("before"), "new");
    held.release();
    await putting;
    expect(await ledger.lagging("new", 10)).toEqual([keyOf("meanwhile")]);
    expect(await ledger.countLagging("new", "halden")).toBe(1);
  });

  test("a fingerprint is not forgotten while a document refers to it", async () => {
    await ledger.activate(undefined, "active");
    await ledger.putDocument(putOf(key));
    await makeLive(ledger, key, "gone");
    await ledger.retireOthers([], 1);
    await hesitate();
    const forgetting = slow.retireOthers([], 10);
    await held.reached;
    await makeLive(ledger, key, "gone");
    held.release();
    await forgetting;
    expect(await ledger.lagging("gone", 10)).toEqual([]);
    expect(await ledger.retireOthers([], 10)).toBe(1);
    expect(await ledger.retireOthers([], 10)).toBe(0);
    expect(await ledger.lagging("gone", 10)).toEqual([key]);
  });

  test("of many concurrent changes by several processes each counts once, and every index follows", async () => {
    const ledgers = [ledger, await another(), await another()];
    const keys = ["a", "b"].map((id) => keyOf(id));
    const supersedes = [{ source: "wiki", id: "a" }];
    await Promise.all(keys.map((one) => ledger.putDocument(putOf(one, { quality: { ...noQuality, supersedes } }))));
    const grants = ["group:a", "group:b", "group:c", "group:d", "group:e"] as const;
    let changes = 0;
    const refusals: string[] = [];
    const lanes = ledgers.map(async (mine, lane) => {
      for (let turn = 0; turn < 10; turn += 1) {
        for (const one of keys) {
          const before = (await mine.read([one]))[0];
          const access = grantTo(grants[(turn + lane) % grants.length] ?? "everyone");
          const expectedAccessRevision = before?.accessRevision ?? 0;
          const moves = JSON.stringify(before?.access) !== JSON.stringify(access);
          const done = await mine
            .putAccess({ key: one, access, expectedAccessRevision })
            .catch((error: unknown) => error);
          if (!(done instanceof AppError)) changes += moves ? 1 : 0;
          else refusals.push(done.code);
          await makeLive(mine, one, `fingerprint-${lane}`).catch(() => "overtaken");
        }
      }
    });
    await Promise.all(lanes);
    expect(refusals.filter((code) => code !== "revision-mismatch")).toEqual([]);
    const records = await ledger.read(keys);
    expect(records.reduce((sum, record) => sum + (record?.accessRevision ?? 0) - 1, 0)).toBe(changes);
    for (const lane of ledgers.keys()) {
      const under = `fingerprint-${lane}`;
      const everybody = visibleTo([...grants]);
      const live = records.filter((record) => record?.live[under] !== undefined).map((record) => record?.key);
      expect((await ledger.replacements([keyOf("a")], under, everybody)).map((record) => record.key)).toEqual(live);
    }
  });
});
