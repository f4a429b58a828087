import { describe, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import { makePinnedWorker } from "#core/embedding/pinned-worker.ts";
import { TextRefused } from "#core/embedding/text-refused.ts";
import { AppError } from "#core/errors.ts";
import { giveUp, IndexingError } from "#core/ingest/worker.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import { grantTo, keyOf, putOf, visibleTo } from "#test/kit/documents.ts";
import { testEncoder } from "#test/kit/encoder.ts";
import { hold, intercept } from "#test/kit/hold.ts";
import { ingestHouse } from "#test/kit/ingest-house.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("two models at once", ["embedded", "full"]);

const key = keyOf("page");
const other = "fingerprint-b";

describe.for(stacks)("$name", (stack) => {
  test("an outage of the model that is being prepared neither keeps the active one from a document nor ends the document", async () => {
    const house = await ingestHouse(stack);
    const encoder = testEncoder("b", 1);
    const work = makePinnedWorker(house, { indexing: () => [house.embedder, encoder] });
    await house.ledger.putDocument(putOf(key));
    encoder.down.add("Text of page");
    const error = await work(key).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(IndexingError);
    expect(error).toMatchObject({ generation: 1, fingerprint: other });
    const live = async () => Object.keys((await house.ledger.read([key]))[0]?.live ?? {});
    expect(await live()).toEqual([house.fingerprint]);

    await giveUp({ ...house, active: () => house.fingerprint })(key, error);
    expect((await house.ledger.read([key]))[0]?.failure).toBeUndefined();
    expect(await house.ledger.lagging(other, 10)).toEqual([key]);
    // Nor would it be given up for the active one: an outage says nothing about a document.
    await giveUp(house)(key, error);
    expect(await house.ledger.lagging(other, 10)).toEqual([key]);

    encoder.down.clear();
    await work(key);
    expect((await live()).toSorted()).toEqual([house.fingerprint, other].toSorted());
  });

  test("what is no outage ends the active model's document, and never that of the one that is being prepared", async () => {
    for (const cause of [new Error("out of memory"), new TextRefused()]) {
      const house = await ingestHouse(stack);
      await house.ledger.putDocument(putOf(key));
      const error = new IndexingError(1, other, cause);
      await giveUp({ ...house, active: () => house.fingerprint })(key, error);
      expect(await house.ledger.lagging(other, 10)).toEqual([key]);
      // Without that guard the change would count the document as done, and lose it.
      await giveUp({ ...house, active: () => other })(key, error);
      expect(await house.ledger.lagging(other, 10)).toEqual([]);
    }
  });

  test("an outage of the active model does not keep a document from the one that is being prepared", async () => {
    const house = await ingestHouse(stack);
    const encoder = testEncoder("a", 1);
    const work = makePinnedWorker(house, { indexing: () => [encoder, house.embedder] });
    await house.ledger.putDocument(putOf(key));
    encoder.down.add("Text of page");
    await expect(work(key)).rejects.toMatchObject({ fingerprint: "fingerprint-a" });
    expect(Object.keys((await house.ledger.read([key]))[0]?.live ?? {})).toEqual([house.fingerprint]);
  });

  test("an encoder that says how long it is away is left alone for so long, by every document, and the other one is not", async () => {
    let now = 1_000;
    const house = await ingestHouse(stack);
    const encoder = testEncoder("b", 1);
    let asked = 0;
    const away = intercept(encoder, "embed", async (call) => {
      asked += 1;
      if (now < 4_000) throw new AppError("embedder-unavailable", { retryAfterS: 3 });
      return call();
    });
    const parts = { ...house, clock: () => now };
    const work = makePinnedWorker(parts, { indexing: () => [away, house.embedder] });
    const live = async (id: string) => Object.keys((await house.ledger.read([keyOf(id)]))[0]?.live ?? {});
    for (const id of ["one", "two"]) await house.ledger.putDocument(putOf(keyOf(id)));
    await expect(work(keyOf("one"))).rejects.toMatchObject({ fingerprint: other });
    await work(keyOf("two"));
    expect([asked, await live("one"), await live("two")]).toEqual([1, [house.fingerprint], [house.fingerprint]]);
    expect(await house.ledger.lagging(other, 10)).toHaveLength(2);
    now = 4_000;
    await work(keyOf("two"));
    expect((await live("two")).toSorted()).toEqual([house.fingerprint, other].toSorted());
  });

  test("a sweep wakes what any of the fingerprints lacks, each document once and in the background", async () => {
    const house = await ingestHouse(stack);
    for (const id of ["both", "one", "none"]) await house.ledger.putDocument(putOf(keyOf(id)));
    const worker = makePinnedWorker(house, { indexing: () => [house.embedder, testEncoder("b", 1)] });
    await worker(keyOf("both"));
    await house.work(keyOf("one"));
    const woken: string[] = [];
    const { sweep } = house.reconciler({
      fingerprints: () => [house.fingerprint, other],
      queue: { wake: async ({ id }, urgency) => void woken.push(`${id} ${urgency}`) },
    });
    expect((await sweep()).woken).toBe(2);
    expect(woken.toSorted()).toEqual(["none background", "one background"]);
  });

  test("a revoke that is acknowledged while a document is being embedded for another model holds under both", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { access: grantTo("everyone") }));
    await house.work(key);
    const embedding = hold(testEncoder("b", 1), "embed", "after");
    const working = makePinnedWorker(house, { indexing: () => [house.embedder, embedding.port] })(key);
    await embedding.reached;
    await house.ledger.putAccess({ key, access: nobody });
    embedding.release();
    await working;
    const [record] = await house.ledger.read([key]);
    expect(Object.keys(record?.live ?? {}).toSorted()).toEqual([house.fingerprint, other].toSorted());
    for (const fingerprint of [house.fingerprint, other]) {
      expect(recheck(record, 1, visibleTo([]), fingerprint)).toBe("hidden");
      expect(recheck(record, 1, visibleTo(["group:hr"]), fingerprint)).toBe("hidden");
    }
  });
});
