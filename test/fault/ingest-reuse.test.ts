import { describe, expect, test } from "vitest";
import type { DocumentKey } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import { keyOf, putOf, searchOf, visibleTo } from "#test/kit/documents.ts";
import { intercept } from "#test/kit/hold.ts";
import { type IngestHouse, ingestHouse } from "#test/kit/ingest-house.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("embeddings that are used again", ["embedded", "full"]);

const body = "# One\n\nThe pump starts at six.\n\n# Two\n\nThe pump stops at nine.";
const from = keyOf("from");
const to = keyOf("to");

/** Indexes a document. @returns the texts that were embedded for it */
async function embeddedBy(house: IngestHouse, key: DocumentKey): Promise<string[]> {
  const texts: string[] = [];
  const embedder: Embedder = {
    ...house.embedder,
    embed: (batch, purpose) => {
      texts.push(...batch);
      return house.embedder.embed(batch, purpose);
    },
  };
  await house.work(key, { embedder });
  return texts;
}

const put = (house: IngestHouse, key: DocumentKey, more: Parameters<typeof putOf>[1] = {}) =>
  house.ledger.putDocument(putOf(key, { title: "Pumps", contentType: "text/markdown", body, ...more }));

describe.for(stacks)("$name", (stack) => {
  test("new metadata on the same text embeds nothing, a new title everything, a new section that alone", async () => {
    const house = await ingestHouse(stack);
    await put(house, from);
    const first = await embeddedBy(house, from);
    expect(first.length).toBeGreaterThan(0);
    await put(house, from, { version: 2, url: "https://example.org/pumps" });
    expect(await embeddedBy(house, from)).toEqual([]);
    await put(house, from, { version: 3, title: "Water pumps" });
    expect(await embeddedBy(house, from)).toHaveLength(first.length);
    const long = "The gauge sends its level to the gateway every ten minutes. ".repeat(30);
    await put(house, to, { contentType: "text/markdown", body: `# A\n\n${long}\n\n# B\n\n${long} More.` });
    const sections = await embeddedBy(house, to);
    await put(house, to, { contentType: "text/markdown", version: 2, body: `# A\n\n${long}\n\n# B\n\n${long} Less.` });
    const again = await embeddedBy(house, to);
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(sections.length);
  });

  test("a document that moves embeds nothing, and stays whole when its old place is gone", async () => {
    const house = await ingestHouse(stack);
    await put(house, from);
    await embeddedBy(house, from);
    await put(house, to);
    expect(await embeddedBy(house, to)).toEqual([]);
    await house.ledger.deleteDocument({ key: from, version: 2 });
    house.pass(2_000);
    const reconciler = house.reconciler();
    await reconciler.sweep();
    await reconciler.stop();
    expect(await house.stored(from)).toEqual([]);
    expect(await house.opens(to)).toMatchObject({ filter: [expect.stringContaining("pump")] });
    // From here on the new place is what a third one takes it from.
    const third = keyOf("third");
    await put(house, third);
    expect(await embeddedBy(house, third)).toEqual([]);
  });

  test("an equal text of another tenant or source is embedded anew, and so is one that no generation holds any more", async () => {
    const house = await ingestHouse(stack);
    await put(house, from);
    const first = await embeddedBy(house, from);
    const stranger = keyOf("from", "wiki", "marlow");
    await put(house, stranger);
    expect(await embeddedBy(house, stranger)).toEqual(first);
    // Whoever may write into one source would otherwise learn from the time it takes what stands in another one.
    const elsewhere = keyOf("from", "finance");
    await put(house, elsewhere);
    expect(await embeddedBy(house, elsewhere)).toEqual(first);
    await house.ledger.deleteDocument({ key: from, version: 2 });
    house.pass(2_000);
    const reconciler = house.reconciler();
    await reconciler.sweep();
    await reconciler.stop();
    await put(house, to);
    expect(await embeddedBy(house, to)).toEqual(first);
  });

  test("a document finds the same vectors whether it was embedded or taken over", async () => {
    const house = await ingestHouse(stack);
    await put(house, from);
    await put(house, to);
    await house.work(from);
    await house.work(to);
    const { fingerprint, index } = house;
    const [vector = new Float32Array()] = await house.embedder.embed(["when does the pump start"], "query");
    const filter = searchOf(visibleTo([]));
    const { hits } = await index.search({ fingerprint, vector, terms: ["pump"], filter, limit: 50 });
    const of = (key: DocumentKey) =>
      hits.filter((hit) => hit.key.id === key.id).map(({ chunk, similarity, bm25 }) => ({ chunk, similarity, bm25 }));
    expect(of(from)).toEqual(of(to));
    expect(hits.map(({ chunkId }) => chunkId)).toContain(chunkIdOf(to, 1, 0));
  });

  test("a stored embedding of another form is not taken over", async () => {
    const house = await ingestHouse(stack);
    await put(house, from);
    const first = await embeddedBy(house, from);
    for (const [number, vector] of [new Float32Array(3), new Float32Array(384).fill(Number.NaN)].entries()) {
      const index = intercept(house.index, "embeddings", async (call) => {
        const found = (await call()) as Awaited<ReturnType<NonNullable<VectorIndex["embeddings"]>>>;
        expect(found.size).toBeGreaterThan(0);
        return new Map([...found.keys()].map((key) => [key, { vector }]));
      });
      const key = keyOf(`to-${number}`);
      await put(house, key);
      expect(await embeddedBy({ ...house, work: (of, parts) => house.work(of, { ...parts, index }) }, key)).toEqual(
        first,
      );
    }
  });
});
