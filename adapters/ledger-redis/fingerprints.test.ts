import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Ledger } from "#core/ports/ledger.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { intercept } from "#test/kit/hold.ts";
import { openTestLedger, openWrappedLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { indexFaults } from "#test/kit/redis-indexes.ts";
import { Fingerprints } from "./fingerprints.ts";
import type { Store } from "./store.ts";

const ids = ["a", "b", "c", "d", "e", "f", "g"];
const failedAt = "1970-01-01T00:00:00.000Z";

describeRedis("a fingerprint that becomes known to ledger-redis", () => {
  let redis: TestRedis | undefined;
  let ledger: Ledger;
  let store: Store;
  let namespace = "";
  const open: Ledger[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());
  beforeEach(async () => {
    namespace = randomUUID();
    ({ ledger } = await openTestLedger(redis, { namespace }));
    const wrapped = await openWrappedLedger(redis, { namespace }, (given) => {
      store = given;
      return given;
    });
    open.push(ledger, wrapped);
    for (const id of ids) await ledger.putDocument(putOf(keyOf(id)));
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  /** Learns in pages of two, and does something before each step of it. */
  function learn(meanwhile: (step: number) => Promise<unknown>): Promise<void> {
    let step = 0;
    const port = intercept(store, "run", async (call) => {
      step += 1;
      await meanwhile(step);
      return call();
    });
    return new Fingerprints(port, 2).learn("new");
  }

  const lagging = async () => (await ledger.lagging("new", 20)).map((key) => key.id);

  test("what is written, deleted, replaced or given up between two pages is accounted for", async () => {
    await learn(async (step) => {
      if (step !== 3) return;
      await ledger.putDocument(putOf(keyOf("0-before")));
      await ledger.putDocument(putOf(keyOf("z-behind")));
      await ledger.deleteDocument({ key: keyOf("a"), version: 1 });
      await ledger.deleteDocument({ key: keyOf("f"), version: 1 });
      await ledger.fail(keyOf("b"), { generation: 1, code: "no-text", message: "", failedAt });
      await ledger.putDocument(putOf(keyOf("c"), { version: 2 }));
    });
    expect(await lagging()).toEqual(["0-before", "c", "d", "e", "g", "z-behind"]);
    expect(await ledger.countLagging("new", "halden")).toBe(6);
    expect(await indexFaults(redis?.url ?? "", namespace)).toEqual([]);
  });

  test("everything that is due lags under it from the first to the last page", async () => {
    const seen: string[][] = [];
    await learn(async () => {
      seen.push(await lagging());
    });
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen.map((one) => one.join("")))).toEqual(new Set([ids.join("")]));
    expect(await lagging()).toEqual(ids);
  });

  test("one that is taken away in the middle and begun again by another process is complete nevertheless", async () => {
    const other = new Fingerprints(store, 2);
    let others: Promise<void> | undefined;
    await learn(async (step) => {
      if (step !== 4) return;
      await other.forget("new", () => false);
      // Only begun: the first step of it, and no page.
      let steps = 0;
      const stopping = intercept(store, "run", async (call) => {
        steps += 1;
        if (steps > 1) throw new Error("killed");
        return call();
      });
      others = new Fingerprints(stopping, 2).learn("new").catch(() => {});
      await others;
    });
    expect(others).toBeDefined();
    expect(await lagging()).toEqual(ids);
    expect(await indexFaults(redis?.url ?? "", namespace)).toEqual([]);
  });

  test("two processes that learn at the same time come to the same end", async () => {
    await Promise.all([new Fingerprints(store, 2).learn("new"), new Fingerprints(store, 3).learn("new")]);
    expect(await lagging()).toEqual(ids);
    expect(await indexFaults(redis?.url ?? "", namespace)).toEqual([]);
  });
});
