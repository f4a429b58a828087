import { expect, test } from "vitest";
import type { DocumentKey } from "#core/document.ts";
import type { NotedGeneration } from "#core/ports/index.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { ingestHouse } from "#test/kit/ingest-house.ts";
import { type AuditEvent, makeAudit } from "./audit.ts";

/** An index whose holdings a test decides, beside a real ledger. */
async function opened() {
  const { ledger, fingerprint, archive, clock, pass } = await ingestHouse();
  const events: AuditEvent[] = [];
  const index = {
    instance: "one",
    isFilled: false,
    isHeld: false,
    isMade: true,
    missing: new Set<string>(),
    asked: 0,
    stand: async () => {
      const { instance, isFilled, isHeld } = index;
      return index.isMade ? { instance, isFilled: isFilled && !isHeld, isHeld } : undefined;
    },
    lacking: async (_: string, generations: readonly NotedGeneration[]) => {
      index.asked += generations.length;
      return generations.filter(({ key }) => index.missing.has(key.id));
    },
    filled: async (_: string, instance: string) => {
      index.isFilled = instance === index.instance;
    },
  };
  const audit = makeAudit({
    ledger,
    archive,
    index,
    clock,
    fingerprints: () => [fingerprint],
    onEvent: (e) => events.push(e),
  });
  const publish = async (key: DocumentKey, accessPlaced = true): Promise<void> => {
    const [record] = await ledger.read([key]);
    const ref = { key, generation: record?.wanted?.generation ?? 0, fingerprint };
    await ledger.announce(ref);
    const seen = { contentVersion: record?.wanted?.version ?? 0, accessRevision: record?.accessRevision ?? 0 };
    expect(await ledger.publish({ ...ref, ...seen, chunkCount: 1, accessPlaced })).toBe("published");
  };
  const put = async (id: string, tenant?: string): Promise<DocumentKey> => {
    const key = keyOf(id, "wiki", tenant);
    await ledger.putDocument(putOf(key));
    await publish(key);
    return key;
  };
  const lagging = async () => (await ledger.lagging(fingerprint, 1_000, true)).map(({ id }) => id);
  return { ledger, fingerprint, index, audit, events, put, publish, lagging, pass };
}

test("an index of a deployment without documents is whole at once", async () => {
  const { audit, index, events, fingerprint } = await opened();
  await audit.step();
  expect([index.isFilled, events]).toEqual([true, [{ kind: "filled", fingerprint }]]);
});

test("a new index is whole after a pass over every tenant that found nothing lacking, and never before", async () => {
  const { audit, index, put, publish, lagging } = await opened();
  for (const tenant of ["one", "two"]) for (const id of ["a", "b"]) await put(`${tenant}-${id}`, tenant);
  index.missing.add("two-b");
  await audit.step();
  expect([index.isFilled, await lagging()]).toEqual([false, ["two-b"]]);
  // Noted as lost, it stays so until it is published again, whatever the index says meanwhile.
  index.missing.clear();
  await audit.step();
  expect(index.isFilled).toBe(false);
  await publish(keyOf("two-b", "wiki", "two"));
  await audit.step();
  expect([index.isFilled, await lagging()]).toEqual([true, []]);
});

test("a pass that began with another instance of the index says nothing about this one", async () => {
  const { audit, index, put } = await opened();
  for (let i = 0; i < 450; i += 1) await put(`page-${i}`);
  index.isFilled = true;
  // A page per step.
  for (let steps = 0; steps < 2; steps += 1) await audit.step();
  expect(index.asked).toBe(400);
  Object.assign(index, { instance: "two", isFilled: false });
  await audit.step();
  expect([index.asked, index.isFilled]).toEqual([850, true]);
});

test("a whole index is looked through again and again, a page per step", async () => {
  const { audit, index, put, lagging, events, fingerprint } = await opened();
  for (let i = 100; i < 350; i += 1) await put(`page-${i}`);
  index.isFilled = true;
  index.missing.add("page-340");
  await audit.step();
  expect(await lagging()).toEqual([]);
  await audit.step();
  expect(await lagging()).toEqual(["page-340"]);
  expect(events).toEqual([{ kind: "lost", fingerprint, documents: 1 }]);
  for (let steps = 0; steps < 3; steps += 1) await audit.step();
  expect(index.asked).toBe(250 + 250 - 1);
});

test("what waited when the index was first seen new has to be in it, and what came later not", async () => {
  const { audit, index, ledger, publish, pass } = await opened();
  await ledger.putDocument(putOf(keyOf("imported")));
  pass(1);
  await audit.step();
  await ledger.putDocument(putOf(keyOf("later")));
  pass(1);
  await audit.step();
  expect(index.isFilled).toBe(false);
  await publish(keyOf("imported"));
  await audit.step();
  expect(index.isFilled).toBe(true);
});

test("what waits, has failed, was deleted or has an older text live is not looked for", async () => {
  const { audit, index, ledger, put } = await opened();
  await ledger.putDocument(putOf(keyOf("waits")));
  const failedAt = "1970-01-01T00:00:00.000Z";
  for (const id of ["failed", "newer"]) {
    const key = await put(id);
    await ledger.putDocument(putOf(key, { version: 2, body: "newer" }));
  }
  await ledger.fail(keyOf("failed"), { generation: 2, code: "no-text", message: "", failedAt });
  await ledger.deleteDocument({ key: await put("deleted"), version: 1 });
  await audit.step();
  expect([index.asked, index.isFilled]).toEqual([0, true]);
});

test("documents that were published for an index without copies count as lost to one that keeps them", async () => {
  const { audit, index, ledger, publish, lagging } = await opened();
  const key = keyOf("page");
  await ledger.putDocument(putOf(key));
  await publish(key, false);
  await audit.step();
  expect([index.isFilled, await lagging()]).toEqual([false, ["page"]]);
});

test("while documents are brought back nothing is called whole, and what was seen before does not count", async () => {
  const { audit, index, ledger, pass, publish } = await opened();
  await audit.step();
  index.isHeld = true;
  expect(await audit.step()).toBe(false);
  const key = keyOf("imported");
  await ledger.putDocument(putOf(key));
  pass(1_000);
  await audit.step();
  // As the release leaves it.
  Object.assign(index, { isHeld: false, instance: "two", isFilled: false });
  await audit.step();
  expect(index.isFilled).toBe(false);
  await publish(key);
  expect([await audit.step(), index.isFilled]).toEqual([true, true]);
});

test("where nothing was ever made, all that is live is lost, and nothing is called whole", async () => {
  const { audit, index, put, lagging, events, fingerprint } = await opened();
  index.isMade = false;
  expect(await audit.step()).toBe(true);
  expect(events).toEqual([]);
  await put("page");
  index.missing.add("page");
  await audit.step();
  expect([index.isFilled, await lagging()]).toEqual([false, ["page"]]);
  expect(events).toEqual([{ kind: "lost", fingerprint, documents: 1 }]);
});
