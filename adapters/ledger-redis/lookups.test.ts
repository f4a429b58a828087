import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { fingerprint, makeLive } from "#test/contract/ledger/support.ts";
import { grantTo, keyOf, noQuality, putOf, visibleTo } from "#test/kit/documents.ts";
import { openTestLedger, openWrappedLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import type { Store } from "./store.ts";

const replaced = keyOf("old");
const replacing = { quality: { ...noQuality, supersedes: [{ source: "wiki", id: "old" }] } };

describeRedis("what ledger-redis sends", () => {
  let redis: TestRedis | undefined;
  let ledger: Ledger;
  let namespace: string;
  /** Everything that was asked of the store, one text per round trip. */
  let asked: string[];
  const open: Ledger[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());
  beforeEach(async () => {
    namespace = randomUUID();
    asked = [];
    ledger = await openWrappedLedger(redis, { namespace }, (store) => listening(store));
    open.push(ledger);
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  function listening(store: Store): Store {
    return new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          asked.push(JSON.stringify([name, ...args]));
          return value.apply(target, args);
        };
      },
    });
  }

  async function publish(id: string, ...args: Parameters<typeof grantTo>): Promise<void> {
    await ledger.putDocument(putOf(keyOf(id), { ...replacing, access: grantTo(...args) }));
    await makeLive(ledger, keyOf(id));
  }

  test("a re-check of any number of documents up to a batch is one round trip", async () => {
    const keys = Array.from({ length: 40 }, (_, number) => keyOf(`page-${number}`));
    await Promise.all(keys.map((key) => ledger.putDocument(putOf(key))));
    asked = [];
    expect((await ledger.read(keys)).map((record) => record?.key)).toEqual(keys);
    expect(asked).toHaveLength(1);
    const many = Array.from({ length: 1_100 }, (_, number) => keyOf(`page-${number % 50}`));
    expect((await ledger.read(many)).filter((record) => record !== undefined)).toHaveLength(22 * 40);
  });

  test("documents that a caller does not see are neither named nor read when he asks what replaces a page, however many they are", async () => {
    await publish("visible", "group:hr");
    for (let number = 0; number < 30; number += 1) await publish(`hidden-${number}`, "group:board");
    const ask = () => ledger.replacements([replaced], fingerprint, visibleTo(["group:hr"]));
    expect((await ask()).map((record) => record.key.id)).toEqual(["visible"]);
    asked = [];
    await ask();
    expect(asked.join("")).not.toContain("hidden");
    // Classes, members of the one open class, records.
    expect(asked).toHaveLength(3);
    const before = asked.map((one) => one.length);
    for (let number = 30; number < 60; number += 1) await publish(`hidden-${number}`, "group:board");
    asked = [];
    await ask();
    expect(asked.map((one) => one.length)).toEqual(before);
  });

  test("where nothing is replaced, the question costs one round trip", async () => {
    const keys = Array.from({ length: 40 }, (_, number) => keyOf(`page-${number}`));
    asked = [];
    expect(await ledger.replacements(keys, fingerprint, visibleTo([]))).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  test("a replacement is found as its access moves, by the access of its live text as well, and not after it went", async () => {
    const found = async (...tokens: Parameters<typeof visibleTo>[0]) =>
      (await ledger.replacements([replaced], fingerprint, visibleTo(tokens))).map((record) => record.key.id);
    await publish("new", "group:hr");
    expect([await found("group:hr"), await found("group:finance")]).toEqual([["new"], []]);
    await ledger.putAccess({ key: keyOf("new"), access: grantTo("group:finance") });
    expect([await found("group:hr"), await found("group:finance")]).toEqual([[], ["new"]]);
    // Newer content with wider access: the live text stays under its own.
    await ledger.putDocument(putOf(keyOf("new"), { ...replacing, version: 2, access: grantTo("everyone") }));
    expect([await found("group:hr"), await found("group:finance")]).toEqual([[], ["new"]]);
    await ledger.putAccess({ key: keyOf("new"), access: nobody });
    expect(await found("group:finance")).toEqual([]);
    await ledger.deleteDocument({ key: keyOf("new"), version: 2 });
    expect(await found("group:finance", "group:hr")).toEqual([]);
  });

  test("more replacements than a batch are all found, in order", async () => {
    const ids = Array.from({ length: 520 }, (_, number) => `new-${String(number).padStart(3, "0")}`);
    for (let at = 0; at < ids.length; at += 40) {
      await Promise.all(ids.slice(at, at + 40).map((id) => publish(id, "everyone")));
    }
    const found = await ledger.replacements([replaced], fingerprint, visibleTo([]));
    expect(found.map((record) => record.key.id)).toEqual(ids);
  });

  test("probe vectors are kept for good, as they were first", async () => {
    const { probes } = await openTestLedger(redis, { namespace });
    expect(await probes.read("f")).toEqual(new Map());
    await probes.keep("f", new Map([["a", Float32Array.of(0.1, -2, 3e-8)]]));
    const later = new Map([
      ["a", Float32Array.of(9, 9, 9)],
      ["b é", Float32Array.of(1)],
    ]);
    await probes.keep("f", later);
    const { ledger: other, probes: again } = await openTestLedger(redis, { namespace });
    open.push(other);
    expect(await again.read("f")).toEqual(
      new Map([
        ["a", Float32Array.of(0.1, -2, 3e-8)],
        ["b é", Float32Array.of(1)],
      ]),
    );
    expect(await again.read("g")).toEqual(new Map());
  });

  test("more fingerprints than the limit are refused by name, and room is made by retiring", async () => {
    const key = keyOf("page");
    await ledger.putDocument(putOf(key));
    for (let number = 0; number < 16; number += 1) await makeLive(ledger, key, `f${number}`);
    const next = { key, generation: 1, fingerprint: "f16" };
    await expect(ledger.announce(next)).rejects.toMatchObject({
      code: "limit-exceeded",
      details: { limit: { name: "fingerprints", max: 16 } },
    });
    await ledger.retireOthers(["f0"], 10);
    expect(await ledger.announce(next)).toBe(true);
  });
});
