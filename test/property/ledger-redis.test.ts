import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { GenerationRef, Ledger } from "#core/ports/ledger.ts";
import { keyOf, visibleTo } from "#test/kit/documents.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { indexFaults } from "#test/kit/redis-indexes.ts";
import { LedgerModel } from "./ledger-model.ts";
import { compareRecords, filters, ids, step, take } from "./ledger-steps.ts";

const under = fc.constantFrom("fingerprint-a", "fingerprint-b", "fingerprint-c");
const id = fc.constantFrom(...ids);
/** What the model does not know of: several fingerprints, and workers that stop halfway. */
const further = fc.oneof(
  fc.record({ kind: fc.constant("announce" as const), id, under, behind: fc.constantFrom(0, 0, 1) }),
  fc.record({ kind: fc.constant("publish" as const), id, under, behind: fc.constantFrom(0, 0, 0, 1) }),
  fc.record({ kind: fc.constant("retire" as const), keep: fc.uniqueArray(under, { maxLength: 2 }) }),
  fc.record({ kind: fc.constant("activate" as const), under }),
  fc.record({ kind: fc.constant("collect" as const), half: fc.boolean() }),
  fc.record({ kind: fc.constant("disable" as const), id, disabled: fc.boolean() }),
);
type Further = typeof further extends fc.Arbitrary<infer T> ? T : never;

const byName = (a: GenerationRef, b: GenerationRef): number =>
  JSON.stringify([a.key, a.fingerprint, a.generation]) < JSON.stringify([b.key, b.fingerprint, b.generation]) ? -1 : 1;

/** Does a step, and tells everything that it gave. */
async function act(ledger: Ledger, now: number, one: Further): Promise<unknown> {
  if (one.kind === "activate") return ledger.activate(await ledger.activeFingerprint(), one.under);
  if (one.kind === "retire") return ledger.retireOthers(one.keep, 10);
  if (one.kind === "disable") return ledger.setDisabled("halden", `user:${one.id}`, one.disabled);
  if (one.kind === "collect") {
    const found = (await ledger.collectable(now, 100)).toSorted(byName);
    for (const [at, generation] of found.entries()) if (!one.half || at % 2 === 0) await ledger.collected(generation);
    return found;
  }
  const [record] = await ledger.read([keyOf(one.id)]);
  const ref = {
    key: keyOf(one.id),
    generation: (record?.lastGeneration ?? 1) - one.behind,
    fingerprint: one.under,
  };
  if (one.kind === "announce") return ledger.announce(ref);
  const revisions = { contentVersion: record?.wanted?.version ?? 0, accessRevision: record?.accessRevision ?? 0 };
  return ledger.publish({ ...ref, ...revisions, chunkCount: 1 });
}

/** Everything that can be asked of a ledger. */
async function answersOf(ledger: Ledger): Promise<unknown> {
  const answers: unknown[] = [await ledger.read(ids.map((one) => keyOf(one)))];
  answers.push(await ledger.disabledAmong("halden", ["user:a", "user:b", "user:c"]), await ledger.activeFingerprint());
  for (const one of ["fingerprint-a", "fingerprint-b", "fingerprint-c"]) {
    answers.push(await ledger.lagging(one, 10), await ledger.countLagging(one, "halden"));
    for (const state of ["stored", "failed", "lagging"] as const) {
      answers.push(await ledger.list({ tenant: "halden", state, fingerprint: one, limit: 2 }));
      answers.push(await ledger.list({ tenant: "halden", state, fingerprint: one, limit: 2, after: keyOf("a") }));
    }
    for (const visibility of [...filters, visibleTo([], { sources: ["handbook"] })]) {
      answers.push(await ledger.replacements([keyOf("a"), keyOf("b")], one, visibility));
    }
  }
  return answers;
}

describeRedis(
  "ledger-redis beside the one in SQLite",
  () => {
    let redis: TestRedis | undefined;
    beforeAll(async () => {
      // Durability is tested elsewhere; here it would only cost time.
      redis = await startRedis({ config: { appendonly: "no" } });
    });
    afterAll(async () => redis?.stop());

    async function openPair(namespace: string, clock: () => number) {
      const open = async () =>
        (await openTestLedger(redis, { namespace, clock, durability: "relaxed", timeoutMs: 20_000 })).ledger;
      return [await open(), await open()] as const;
    }

    test("whatever is commanded through two processes in turn, records and lists say what the promises say", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30, size: "max" }), async (steps) => {
          let now = 1_000;
          const namespace = randomUUID();
          const pair = await openPair(namespace, () => now);
          try {
            const model = new LedgerModel();
            for (const [at, one] of steps.entries()) {
              now += 1_000;
              const [mine, other] = at % 2 === 0 ? pair : pair.toReversed();
              if (mine === undefined || other === undefined) throw new Error("there are two");
              const done = await take(mine, model, now, one);
              expect(done.said).toEqual(done.promised);
              const seen = await compareRecords(other, model);
              expect(seen.said).toEqual(seen.promised);
            }
            expect(await indexFaults(redis?.url ?? "", namespace)).toEqual([]);
          } finally {
            for (const ledger of pair) await ledger.close();
          }
        }),
        { numRuns: 40 },
      );
    });

    test("whatever is commanded, under several fingerprints and with workers that stop halfway, both ledgers answer alike", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(step, further, further), { minLength: 1, maxLength: 60, size: "max" }),
          async (steps) => {
            let now = 1_000;
            const namespace = randomUUID();
            const pair = await openPair(namespace, () => now);
            const database: DatabaseSync = openDatabase(":memory:");
            try {
              const sqlite = await openSqliteLedger({ database, clock: () => now });
              const models = [new LedgerModel(), new LedgerModel()] as const;
              for (const [at, one] of steps.entries()) {
                now += 1_000;
                const mine = at % 2 === 0 ? pair[0] : pair[1];
                const done = "under" in one || "half" in one || "keep" in one || one.kind === "disable";
                const said = done ? await act(mine, now, one) : (await take(mine, models[0], now, one)).said;
                const meant = done ? await act(sqlite, now, one) : (await take(sqlite, models[1], now, one)).said;
                expect([one, said]).toEqual([one, meant]);
              }
              expect(await answersOf(pair[0])).toEqual(await answersOf(sqlite));
              expect(await indexFaults(redis?.url ?? "", namespace)).toEqual([]);
            } finally {
              for (const ledger of pair) await ledger.close();
              database.close();
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  },
  { own: true },
);
