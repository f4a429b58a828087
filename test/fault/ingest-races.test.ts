import { describe, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import { giveUp, IndexingError } from "#core/ingest/worker.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { hold, intercept } from "#test/kit/hold.ts";
import { ingestHouse } from "#test/kit/ingest-house.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("documents that change under a worker", ["embedded", "full"]);

const key = keyOf("page");
const finance = grantTo("group:finance");
const everyone = grantTo("everyone");
const oldText = "The salary of the chairman is 4711.";
const newText = "The salary of the chairman is not told.";
const restricted = putOf(key, { access: finance, body: oldText });
const redacted = putOf(key, { version: 2, access: everyone, body: newText });
const nothing = { filter: [], recheck: [] };
const only = (text: string) => ({ filter: [text], recheck: [text] });

describe.for(stacks)("$name", (stack) => {
  test("a restricted text never opens while the redacted one that replaces it is being indexed", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(restricted);
    await house.work(key);
    await house.ledger.putDocument(redacted);
    const written = hold(house.index, "write", "after");
    const working = house.work(key, { index: written.port });
    await written.reached;
    expect(await house.stored(key)).toEqual([1, 2]);
    expect(await house.opens(key)).toEqual(nothing);
    expect(await house.opens(key, "group:finance")).toEqual(only(oldText));
    written.release();
    await working;
    expect(await house.opens(key)).toEqual(only(newText));
    expect(await house.opens(key, "group:finance")).toEqual(only(newText));
  });

  test("a restricted text does not open when the redacted one has failed, in the parser or after the last try", async () => {
    for (const body of ["\u0000\u0001\u0002 no text", newText]) {
      const house = await ingestHouse(stack);
      await house.ledger.putDocument(restricted);
      await house.work(key);
      await house.ledger.putDocument(putOf(key, { version: 2, access: everyone, body }));
      const broken = intercept(house.embedder, "embed", () => Promise.reject(new Error("out of memory")));
      await house.work(key, { embedder: broken }).catch((error: unknown) => giveUp(house)(key, error));
      const [record] = await house.ledger.read([key]);
      expect(record?.failure?.generation).toBe(2);
      expect(await house.opens(key)).toEqual(nothing);
      expect(await house.opens(key, "group:finance")).toEqual(only(oldText));
      // Not by a wider grant either, nor by a version that comes after the failed one.
      await house.ledger.putAccess({ key, access: grantTo("everyone", "group:finance") });
      await house.ledger.putDocument(putOf(key, { version: 3, access: everyone, body: "newer" }));
      expect(await house.opens(key)).toEqual(nothing);
    }
  });

  test("what a replacement took away stays away when the next one gives it to everyone, before either is indexed", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { access: everyone, body: oldText }));
    await house.work(key);
    await house.ledger.putDocument(putOf(key, { version: 2, access: finance, body: oldText }));
    expect(await house.opens(key)).toEqual(nothing);
    await house.ledger.putDocument(putOf(key, { version: 3, access: everyone, body: newText }));
    expect(await house.opens(key)).toEqual(nothing);
    await house.work(key);
    expect(await house.opens(key)).toEqual(only(newText));
  });

  test("a revoke between a worker's read and its publish holds for what it publishes", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { access: everyone, body: oldText }));
    const embedding = hold(house.embedder, "embed", "before");
    const working = house.work(key, { embedder: embedding.port });
    await embedding.reached;
    await house.ledger.putAccess({ key, access: finance });
    embedding.release();
    await working;
    expect(await house.opens(key)).toEqual(nothing);
    expect(await house.opens(key, "group:finance")).toEqual(only(oldText));
    const [record] = await house.ledger.read([key]);
    expect(record?.live[house.fingerprint]?.access).toEqual(finance);
  });

  test("access that moves before every publish ends the try, not the document: a later one publishes", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { access: everyone, body: oldText }));
    let turns = 0;
    const restless = intercept(house.ledger, "publish", async (call) => {
      turns += 1;
      await house.ledger.putAccess({ key, access: turns % 2 === 1 ? finance : everyone });
      return call();
    });
    const work = house.work(key, { ledger: restless, publishAttempts: 3 });
    await expect(work).rejects.toBeInstanceOf(IndexingError);
    expect(turns).toBe(3);
    expect(await house.opens(key, "group:finance")).toEqual(nothing);
    await house.work(key);
    expect(await house.opens(key)).toEqual(nothing);
    expect(await house.opens(key, "group:finance")).toEqual(only(oldText));
  });

  test("a late worker brings nothing of a deleted document back, and what it wrote is erased", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: oldText }));
    const write = hold(house.index, "write", "before");
    const working = house.work(key, { index: write.port });
    await write.reached;
    await house.ledger.deleteDocument({ key, version: 1 });
    house.pass(5_000);
    // Collected before the late worker writes: it must be found a second time.
    expect(await house.reconciler().sweep()).toEqual({ woken: 0, collected: 1 });
    write.release();
    await working;
    expect(await house.stored(key)).toEqual([1]);
    expect(await house.opens(key)).toEqual(nothing);
    house.pass(5_000);
    expect(await house.reconciler().sweep()).toEqual({ woken: 0, collected: 1 });
    expect(await house.stored(key)).toEqual([]);
  });

  test("a worker that is overtaken while it embeds writes nothing at all", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: oldText }));
    const embedding = hold(house.embedder, "embed", "after");
    const working = house.work(key, { embedder: embedding.port });
    await embedding.reached;
    await house.ledger.deleteDocument({ key, version: 1 });
    embedding.release();
    await working;
    expect(await house.stored(key)).toEqual([]);
  });

  test("a late older put changes nothing, neither what is being indexed nor what is live", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { version: 3, body: newText, access: finance }));
    const write = hold(house.index, "write", "before");
    const working = house.work(key, { index: write.port });
    await write.reached;
    const late = putOf(key, { version: 2, body: oldText, access: everyone });
    expect((await house.ledger.putDocument(late)).outcome).toBe("ignored");
    write.release();
    await working;
    expect((await house.ledger.putDocument(late)).outcome).toBe("ignored");
    await house.work(key);
    expect(await house.opens(key)).toEqual(nothing);
    expect(await house.opens(key, "group:finance")).toEqual(only(newText));
  });

  test("a worker with an old content that ends last does not replace the new one", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: oldText }));
    const write = hold(house.index, "write", "after");
    const slow = house.work(key, { index: write.port });
    await write.reached;
    await house.ledger.putDocument(putOf(key, { version: 2, body: newText }));
    await house.work(key);
    write.release();
    await slow;
    expect(await house.opens(key)).toEqual(only(newText));
    house.pass(5_000);
    await house.reconciler().sweep();
    expect(await house.stored(key)).toEqual([2]);
  });

  test("two workers on the same generation publish it once and erase nothing of it", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: oldText }));
    const write = hold(house.index, "write", "before");
    const slow = house.work(key, { index: write.port });
    await write.reached;
    await house.work(key);
    write.release();
    await slow;
    house.pass(5_000);
    expect(await house.reconciler().sweep()).toEqual({ woken: 0, collected: 0 });
    expect(await house.opens(key)).toEqual(only(oldText));
  });

  test("a grant while the index is behind opens the new text once it is live, and never the old one", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(restricted);
    await house.work(key);
    await house.ledger.putDocument(putOf(key, { version: 2, access: finance, body: newText }));
    const publish = hold(house.ledger, "publish", "before");
    const working = house.work(key, { ledger: publish.port });
    await publish.reached;
    await house.ledger.putAccess({ key, access: everyone });
    expect(await house.opens(key)).toEqual(nothing);
    publish.release();
    await working;
    expect(await house.opens(key)).toEqual(only(newText));
  });

  test("a grant on unchanged content opens it at its commit, a revoke closes it", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(restricted);
    await house.work(key);
    await house.ledger.putAccess({ key, access: everyone });
    expect(await house.opens(key)).toEqual(only(oldText));
    await house.ledger.putAccess({ key, access: nobody });
    expect(await house.opens(key, "group:finance")).toEqual(nothing);
  });

  test("the repeat of a put after a revoke restores nothing, whatever is woken by it", async () => {
    const house = await ingestHouse(stack);
    const put = putOf(key, { access: everyone, body: oldText });
    await house.ledger.putDocument(put);
    const write = hold(house.index, "write", "before");
    const working = house.work(key, { index: write.port });
    await write.reached;
    await house.ledger.putAccess({ key, access: finance });
    expect((await house.ledger.putDocument(put)).outcome).toBe("unchanged");
    write.release();
    await working;
    expect((await house.ledger.putDocument(put)).outcome).toBe("unchanged");
    await house.work(key);
    expect(await house.opens(key)).toEqual(nothing);
  });

  test("newer content that arrives while the old one is given up is not marked failed", async () => {
    const house = await ingestHouse(stack);
    await house.ledger.putDocument(putOf(key, { body: oldText }));
    const broken = intercept(house.embedder, "embed", () => Promise.reject(new Error("down")));
    const error: unknown = await house.work(key, { embedder: broken }).catch((reason: unknown) => reason);
    await house.ledger.putDocument(putOf(key, { version: 2, body: newText }));
    await giveUp(house)(key, error);
    const [record] = await house.ledger.read([key]);
    expect(record?.failure).toBeUndefined();
    await house.work(key);
    expect(await house.opens(key)).toEqual(only(newText));
  });
});
