import { describe, expect, test } from "vitest";
import { waitUntilSearchable } from "#core/ingest/wait.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { gate } from "#test/kit/gate.ts";
import { hold, intercept } from "#test/kit/hold.ts";
import { ingestHouse } from "#test/kit/ingest-house.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("the reconciler", ["embedded", "full"]);

const key = keyOf("page");

describe.for(stacks)("$name", (stack) => {
  test("a sweep wakes what lags, and neither what is live, nor failed, nor deleted", async () => {
    const house = await ingestHouse(stack);
    for (const id of ["lagging", "live", "failed", "deleted"]) await house.ledger.putDocument(putOf(keyOf(id)));
    await house.work(keyOf("live"));
    await house.ledger.fail(keyOf("failed"), {
      generation: 1,
      code: "no-text",
      message: "",
      failedAt: "1970-01-01T00:00:00.000Z",
    });
    await house.ledger.deleteDocument({ key: keyOf("deleted"), version: 1 });
    const reconciler = house.reconciler();
    expect((await reconciler.sweep()).woken).toBe(1);
    expect(reconciler.woken).toEqual([keyOf("lagging")]);
  });

  test("a generation that cannot be erased now is erased by a later sweep, and stops neither the others nor the wake-ups", async () => {
    const house = await ingestHouse(stack);
    for (const id of ["a", "b"]) {
      await house.ledger.putDocument(putOf(keyOf(id)));
      await house.work(keyOf(id));
      await house.ledger.deleteDocument({ key: keyOf(id), version: 1 });
    }
    house.pass(5_000);
    let failures = 1;
    const index = intercept(house.index, "remove", (call) => {
      failures -= 1;
      return failures < 0 ? call() : Promise.reject(new Error("disk busy"));
    });
    const errors: unknown[] = [];
    let maintained = 0;
    const reconciler = house.reconciler({
      index,
      onError: (error) => errors.push(error),
      maintain: () => {
        maintained += 1;
      },
    });
    expect(await reconciler.sweep()).toEqual({ woken: 0, collected: 1 });
    expect(errors).toHaveLength(1);
    expect(await reconciler.sweep()).toEqual({ woken: 0, collected: 1 });
    expect([...(await house.stored(keyOf("a"))), ...(await house.stored(keyOf("b")))]).toEqual([]);
    expect(maintained).toBe(2);
  });

  test("a ledger that cannot be asked for what lags does not keep the collection from happening", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key));
    await house.work(key);
    await house.ledger.deleteDocument({ key, version: 1 });
    house.pass(5_000);
    const ledger = intercept(house.ledger, "lagging", () => Promise.reject(new Error("locked")));
    const errors: unknown[] = [];
    const reconciler = house.reconciler({ ledger, onError: (error) => errors.push(error) });
    expect(await reconciler.sweep()).toEqual({ woken: 0, collected: 1 });
    expect(errors).toHaveLength(1);
  });

  test("sweeps never overlap, and stop waits for the one that runs", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key));
    const asked = hold(house.ledger, "lagging", "before");
    const reconciler = house.reconciler({ ledger: asked.port });
    reconciler.start();
    await asked.reached;
    expect(reconciler.sweep()).toBe(reconciler.sweep());
    const stopped = reconciler.stop();
    asked.release();
    await stopped;
    expect(reconciler.woken).toEqual([key]);
  });

  test("waiting ends when the accepted generation, or a newer one, is searchable, failed or deleted", async () => {
    const house = await ingestHouse(stack);
    const wait = { ...house, key, timeoutMs: 30_000, pollMs: 30_000 };
    await house.ledger.putDocument(putOf(key));
    const first = waitUntilSearchable({ ...wait, generation: 1 });
    await house.work(key);
    expect(await first).toMatchObject({ state: "searchable", record: { lastGeneration: 1 } });

    await house.ledger.putDocument(putOf(key, { version: 2 }));
    const overtaken = waitUntilSearchable({ ...wait, generation: 2 });
    await house.ledger.putDocument(putOf(key, { version: 3 }));
    await house.work(key);
    expect(await overtaken).toMatchObject({ state: "searchable", record: { lastGeneration: 3 } });
    expect(await waitUntilSearchable({ ...wait, generation: 2 })).toMatchObject({ state: "searchable" });

    await house.ledger.putDocument(putOf(key, { version: 4, body: "\u0000\u0001" }));
    const failing = waitUntilSearchable({ ...wait, generation: 4 });
    await house.work(key);
    expect(await failing).toMatchObject({ state: "failed", record: { failure: { generation: 4 } } });

    await house.ledger.deleteDocument({ key, version: 4 });
    expect(await waitUntilSearchable({ ...wait, generation: 4 })).toMatchObject({ state: "deleted" });
  });

  test("waiting ends with the time that it was given, and sees what was done without telling it", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key));
    const wait = { ...house, key, generation: 1 };
    expect((await waitUntilSearchable({ ...wait, timeoutMs: 1 })).state).toBe("indexing");

    const read = gate<void>();
    const ledger = intercept(house.ledger, "read", async (call) => {
      const answer = await call();
      read.pass();
      return answer;
    });
    const waiting = waitUntilSearchable({ ...wait, ledger, timeoutMs: 30_000, pollMs: 1 });
    await read.first(1);
    // Nobody tells of it: only the poll can find it.
    await house.work(key, { changes: { changed: () => {}, watch: () => () => {} } });
    expect((await waiting).state).toBe("searchable");
  });
});
