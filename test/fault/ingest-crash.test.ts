import { describe, expect, test } from "vitest";
import { localQueue } from "#adapters/queue-local/queue.ts";
import { waitUntilSearchable } from "#core/ingest/wait.ts";
import { giveUp, makeWorker } from "#core/ingest/worker.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { type Held, hold, intercept } from "#test/kit/hold.ts";
import { type IngestHouse, ingestHouse } from "#test/kit/ingest-house.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("workers that are killed", ["embedded", "full"]);

const key = keyOf("page");
const text = "Sensors are calibrated twice a year.";
const only = (one: string) => ({ filter: [one], recheck: [one] });

/** Queue, worker and reconciler together, as the service runs them. */
async function running(house: IngestHouse, until: (house: IngestHouse) => Promise<unknown>): Promise<void> {
  const queue = localQueue({
    concurrency: 2,
    maxAttempts: 3,
    backoffMs: 1,
    maxBackoffMs: 1,
    onGiveUp: giveUp(house),
    onError: () => {},
  });
  queue.start(makeWorker(house));
  await house.reconciler({ queue }).sweep();
  await until(house);
  await queue.close();
}

/** Lets a worker run into a held port and leaves it there for good: whoever is killed goes on with nothing. */
async function stopped(
  house: IngestHouse,
  held: { readonly index?: Held<VectorIndex>; readonly ledger?: Held<Ledger> },
): Promise<void> {
  const { index = { port: house.index }, ledger = { port: house.ledger } } = held;
  void house.work(key, { index: index.port, ledger: ledger.port });
  await (held.index ?? held.ledger)?.reached;
}

const searchable = (generation: number) => (house: IngestHouse) =>
  waitUntilSearchable({ ...house, key, generation, timeoutMs: 30_000 });

describe.for(stacks)("$name", (stack) => {
  test("a document that was acknowledged and never woken becomes searchable after a restart", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: text }));
    const restarted = await house.crash();
    await running(restarted, searchable(1));
    expect(await restarted.opens(key)).toEqual(only(text));
  });

  for (const [when, stop] of [
    [
      "the announce and the write",
      (house: IngestHouse) => stopped(house, { index: hold(house.index, "write", "before") }),
    ],
    [
      "the write and the publish",
      (house: IngestHouse) => stopped(house, { ledger: hold(house.ledger, "publish", "before") }),
    ],
  ] as const) {
    test(`killed between ${when}: nothing is searchable before the restart has indexed it again`, async () => {
      const house = await ingestHouse(stack);
      await house.ledger.putDocument(putOf(key, { body: text }));
      await stop(house);
      const restarted = await house.crash();
      expect(await restarted.opens(key)).toEqual({ filter: [], recheck: [] });
      await running(restarted, searchable(1));
      expect(await restarted.opens(key)).toEqual(only(text));
    });
  }

  test("killed after a write whose content was replaced meanwhile: the restart erases the orphan", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: "old" }));
    await stopped(house, { index: hold(house.index, "write", "after") });
    await house.ledger.putDocument(putOf(key, { version: 2, body: text }));
    const restarted = await house.crash();
    await running(restarted, searchable(2));
    restarted.pass(5_000);
    await restarted.reconciler().sweep();
    expect(await restarted.stored(key)).toEqual([2]);
    expect(await restarted.opens(key)).toEqual(only(text));
  });

  test("killed after the publish, or in the middle of collecting: the old generation is collected after the restart", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: "old" }));
    await house.work(key);
    await house.ledger.putDocument(putOf(key, { version: 2, body: text }));
    await house.work(key);
    const restarted = await house.crash();
    expect(await restarted.stored(key)).toEqual([1, 2]);
    // Not within the grace: a request that started before the publish may still read it.
    restarted.pass(500);
    expect((await restarted.reconciler().sweep()).collected).toBe(0);
    restarted.pass(5_000);
    const removing = hold(restarted.index, "remove", "after");
    void restarted.reconciler({ index: removing.port }).sweep();
    await removing.reached;
    const again = await restarted.crash();
    again.pass(5_000);
    expect((await again.reconciler().sweep()).collected).toBe(1);
    expect(await again.stored(key)).toEqual([2]);
    expect(await again.opens(key)).toEqual(only(text));
  });

  test("a document whose accepted text is not in the store ends failed, for everybody to see", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: text }));
    const emptied = intercept(house.ledger, "readBody", async () => undefined);
    const error = await house.work(key, { ledger: emptied }).catch((thrown: unknown) => thrown);
    await giveUp(house)(key, error);
    expect((await house.ledger.read([key]))[0]).toMatchObject({ failure: { generation: 1, code: "indexing-failed" } });
  });

  test("an unreadable document ends failed with its reason and keeps nobody waiting; a repeat of its wake-up tries again", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(keyOf("broken"), { body: "\u0000\u0001\u0002" }));
    await house.ledger.putDocument(putOf(keyOf("poison"), { body: "poison" }));
    await house.ledger.putDocument(putOf(key, { body: text }));
    let isDown = true;
    const index = intercept(house.index, "write", async (call) => {
      const [poison] = await house.ledger.read([keyOf("poison")]);
      if (isDown && poison?.failure === undefined) throw new Error("disk full");
      return call();
    });
    await running({ ...house, index }, async () => {
      await waitUntilSearchable({ ...house, key, generation: 1, timeoutMs: 30_000 });
      await waitUntilSearchable({ ...house, key: keyOf("poison"), generation: 1, timeoutMs: 30_000 });
    });
    const [broken, poison] = await house.ledger.read([keyOf("broken"), keyOf("poison")]);
    expect(broken?.failure).toMatchObject({ generation: 1, code: "unreadable-body" });
    expect(poison?.failure).toMatchObject({ generation: 1, code: "indexing-failed", message: "disk full" });
    isDown = false;
    await house.work(keyOf("poison"));
    expect(await house.opens(keyOf("poison"))).toEqual(only("poison"));
    expect((await house.ledger.read([keyOf("poison")]))[0]?.failure).toBeUndefined();
  });
});
