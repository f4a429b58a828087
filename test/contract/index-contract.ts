import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { IndexAnswer, VectorIndex } from "#core/ports/index.ts";
import { detailsContract } from "./index/details.ts";
import { ContractLive, caller, direction, fingerprint, generationOf, keyOf, queryFor, within } from "./index/world.ts";

/** The answer about one term when nothing is selected. */
const nothingFound: IndexAnswer = {
  hits: [],
  exhausted: true,
  statistics: { chunks: 0, documentFrequency: [0], similarity: { mean: 0, deviation: 0 }, neighbours: null },
};

/** An index under test. */
export interface OpenedIndex {
  readonly index: VectorIndex;
  /** Closes the index and opens it again on what it has stored. */
  reopen(): Promise<VectorIndex>;
  /** Closes everything and removes what was stored. */
  destroy(): Promise<void>;
}

/**
 * What every index keeps to.
 * @param open an empty index, in which exactly what `live` selects may be found
 */
export function indexContract(name: string, open: (live: ContractLive) => Promise<OpenedIndex>): void {
  detailsContract(name, open);
  describe(`VectorIndex: ${name}`, () => {
    let live: ContractLive;
    let opened: OpenedIndex;
    let index: VectorIndex;
    beforeEach(async () => {
      live = new ContractLive();
      opened = await open(live);
      index = opened.index;
    });
    afterEach(() => opened.destroy());

    const put = async (id: string, words: string, degrees: number, tenant = "halden"): Promise<void> => {
      const key = keyOf(id, tenant);
      await index.write(generationOf(key, [{ words: words.split(" "), vector: direction(degrees) }]));
      live.publish(key);
    };
    const ids = (answer: IndexAnswer): string[] => answer.hits.map((hit) => hit.key.id).toSorted();

    test("nothing selects nothing, even for a perfect match", async () => {
      await put("a", "sensor", 0);
      const filter = within({ kind: "nothing" });
      const answer = await index.search(queryFor(["sensor"], { filter }));
      expect(answer).toEqual(nothingFound);
      expect(await index.documents("model-a", filter, { limit: 10 })).toEqual([]);
    });

    test("an empty index answers with nothing", async () => {
      const answer = await index.search(queryFor(["sensor"]));
      expect(answer).toEqual(nothingFound);
    });

    test("a tenant never sees another's documents, also under the same source and id", async () => {
      await put("a", "sensor", 0);
      await put("a", "sensor secret", 0, "marlow");
      const answer = await index.search(queryFor(["sensor", "secret"]));
      expect(answer.hits.map((hit) => hit.key.tenant)).toEqual(["halden"]);
      expect(answer.statistics).toMatchObject({ chunks: 1, documentFrequency: [1, 0] });
    });

    test("what was written is found only once it is live, and only in its live generation", async () => {
      const key = keyOf("a");
      await index.write(generationOf(key, [{ words: ["old"], vector: direction(0) }], 1));
      expect((await index.search(queryFor(["old"]))).hits).toEqual([]);
      live.publish(key, 1);
      await index.write(generationOf(key, [{ words: ["new"], vector: direction(0) }], 2));
      expect((await index.search(queryFor(["new"]))).hits.map(({ generation, bm25 }) => [generation, bm25])).toEqual([
        [1, 0],
      ]);
      live.publish(key, 2);
      expect((await index.search(queryFor(["old", "new"]))).hits.map((hit) => hit.generation)).toEqual([2]);
    });

    test("a live generation that the index does not hold is left out, not an error", async () => {
      live.publish(keyOf("ghost"));
      await put("a", "sensor", 0);
      expect(ids(await index.search(queryFor(["sensor"])))).toEqual(["a"]);
    });

    test("both halves are searched, and both scores are given whichever half found a chunk", async () => {
      await put("dense", "unrelated", 10);
      await put("lexical", "sensor", 120);
      await put("both", "sensor", 30);
      await put("neither", "unrelated", 150);
      const { hits } = await index.search(queryFor(["sensor"]));
      const of = (id: string) => hits.find((hit) => hit.key.id === id);
      expect(hits).toHaveLength(3);
      expect(of("dense")?.similarity).toBeCloseTo(Math.cos(Math.PI / 18), 6);
      expect(of("dense")?.bm25).toBe(0);
      expect(of("lexical")?.similarity).toBeCloseTo(-0.5, 6);
      expect(of("lexical")?.bm25).toBeGreaterThan(0);
      expect(of("both")?.bm25).toBe(of("lexical")?.bm25);
    });

    test("a rarer term weighs more", async () => {
      await put("a", "common", 120);
      await put("b", "common", 120);
      await put("c", "rare", 120);
      const { hits } = await index.search(queryFor(["common", "rare"]));
      const of = (id: string): number => hits.find((hit) => hit.key.id === id)?.bm25 ?? 0;
      expect(of("c")).toBeGreaterThan(of("a"));
    });

    test("each half gives at most its limit, the best first to stay, and says whether more would bring more", async () => {
      for (let i = 0; i < 6; i++) await put(`d${i}`, "other", 10 + i);
      for (let i = 0; i < 6; i++) await put(`l${i}`, `${"sensor ".repeat(6 - i)}filler`, 120);
      const answer = await index.search(queryFor(["sensor"], { limit: 2 }));
      expect(ids(answer)).toEqual(["d0", "d1", "l0", "l1"]);
      expect(answer.exhausted).toBe(false);
      expect((await index.search(queryFor(["sensor"], { limit: 5 }))).exhausted).toBe(false);
      const all = await index.search(queryFor(["sensor"], { limit: 6 }));
      expect(all.hits).toHaveLength(12);
      expect(all.exhausted).toBe(true);
    });

    test("equal scores are cut by key and chunk number, never by the order of writing", async () => {
      const same = { words: ["sensor"], vector: direction(20) };
      for (const id of ["d", "b", "a", "c"]) {
        await index.write(generationOf(keyOf(id), [same, same]));
        live.publish(keyOf(id));
      }
      const { hits } = await index.search(queryFor(["sensor"], { limit: 3 }));
      expect(hits.map((hit) => `${hit.key.id}${hit.chunk}`).toSorted()).toEqual(["a0", "a1", "b0"]);
    });

    test("statistics and scores do not move with documents outside the filter", async () => {
      await put("a", "sensor battery", 20);
      await put("b", "sensor", 40);
      const alone = await index.search(queryFor(["sensor", "battery"]));
      for (let i = 0; i < 20; i++) {
        const key = keyOf(`hidden${i}`);
        await index.write(generationOf(key, [{ words: ["sensor", "battery", "battery"], vector: direction(1) }]));
        live.publish(key, 1, ["group:finance"]);
      }
      expect(await index.search(queryFor(["sensor", "battery"]))).toEqual(alone);
      expect(alone.statistics).toMatchObject({ chunks: 2, documentFrequency: [2, 1] });
      const finance = await index.search(queryFor(["sensor"], { filter: caller("group:finance") }));
      expect(finance.statistics).toMatchObject({ chunks: 22, documentFrequency: [22] });
    });

    test("writing a generation again changes nothing, not even with other content", async () => {
      await put("a", "sensor", 20);
      const before = await index.search(queryFor(["sensor", "other"]));
      await index.write(generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(20) }]));
      await index.write(generationOf(keyOf("a"), [{ words: ["other"], vector: direction(0) }]));
      expect(await index.search(queryFor(["sensor", "other"]))).toEqual(before);
    });

    test("a removed generation is gone with its texts, others stay, and removing it again is no error", async () => {
      await put("a", "sensor", 20);
      await put("b", "sensor", 40);
      const { hits } = await index.search(queryFor(["sensor"]));
      const removed = hits.find((hit) => hit.key.id === "a")?.chunkId ?? "";
      await index.remove(keyOf("a"), 1, "model-a");
      await index.remove(keyOf("a"), 1, "model-a");
      await index.remove(keyOf("never"), 7, "model-b");
      const after = await index.search(queryFor(["sensor"]));
      expect(ids(after)).toEqual(["b"]);
      expect(after.statistics).toMatchObject({ chunks: 1, documentFrequency: [1] });
      expect((await index.texts([removed], fingerprint)).size).toBe(0);
    });

    test("texts come by id with all that is shown of a chunk; ids that are gone are absent", async () => {
      const generation = generationOf(keyOf("a"), [
        { words: ["first", "chunk"], vector: direction(0) },
        { words: ["second"], vector: direction(5) },
      ]);
      await index.write(generation);
      const [first, second] = generation.chunks.map((chunk) => chunk.chunkId);
      const unknown = "00000000-0000-5000-8000-000000000000";
      const texts = await index.texts([second ?? "", unknown, first ?? "", first ?? ""], fingerprint);
      expect([...texts.keys()].toSorted()).toEqual([first, second].toSorted());
      expect(texts.get(first ?? "")).toEqual({
        chunkId: first,
        text: "first chunk",
        headingPath: ["Heading"],
        startChar: 0,
        endChar: 11,
        tokens: 2,
      });
      expect((await index.texts([], fingerprint)).size).toBe(0);
    });

    test("fingerprints lie beside each other and are never mixed", async () => {
      await put("a", "sensor", 0);
      const other = new Float32Array(4).fill(0.5);
      await index.write(generationOf(keyOf("b"), [{ words: ["sensor"], vector: other }], 1, "model-b"));
      live.publish(keyOf("b"), 1, ["everyone"], "model-b");
      expect(ids(await index.search(queryFor(["sensor"])))).toEqual(["a"]);
      expect(ids(await index.search(queryFor(["sensor"], { fingerprint: "model-b", vector: other })))).toEqual(["b"]);
      await index.remove(keyOf("a"), 1, "model-b");
      expect(ids(await index.search(queryFor(["sensor"])))).toEqual(["a"]);
    });

    test("a vector of the wrong size, with a hole, or without length is refused and nothing is stored", async () => {
      const good = { words: ["sensor"], vector: direction(0) };
      const bad = [
        new Float32Array(3),
        new Float32Array(8),
        Float32Array.of(Number.NaN, 1, 0, 0, 0, 0, 0, 0),
        new Float32Array(8).fill(1),
      ];
      live.publish(keyOf("a"));
      for (const vector of bad) {
        const writing = index.write(generationOf(keyOf("a"), [good, { words: ["sensor"], vector }]));
        await expect(writing).rejects.toMatchObject({ code: "index-unavailable" });
        expect((await index.search(queryFor(["sensor"]))).hits).toEqual([]);
        await expect(
          index.search(queryFor([], { vector: vector.length === 8 ? vector : new Float32Array(8) })),
        ).rejects.toMatchObject({
          code: "index-unavailable",
        });
      }
      await index.write(generationOf(keyOf("a"), [good]));
      expect(ids(await index.search(queryFor(["sensor"])))).toEqual(["a"]);
    });

    test("documents are listed in the order of their keys, page by page, by the filter alone", async () => {
      for (const id of ["c", "a", "b"]) await put(id, "sensor", 0);
      await put("b", "sensor", 0, "marlow");
      const page = async (after?: string): Promise<string[]> => {
        const more = after === undefined ? {} : { after: { source: "wiki", id: after } };
        return (await index.documents("model-a", caller(), { limit: 2, ...more })).map((key) => key.id);
      };
      expect(await page()).toEqual(["a", "b"]);
      expect(await page("b")).toEqual(["c"]);
      expect(await page("c")).toEqual([]);
    });

    test("an index that was closed and opened again gives the same answers", async () => {
      for (let i = 0; i < 8; i++) await put(`d${i}`, `sensor w${i % 3}`, 10 * i);
      await index.remove(keyOf("d3"), 1, "model-a");
      const query = queryFor(["sensor", "w1", "absent"], { limit: 3 });
      const before = await index.search(query);
      const chunkIds = before.hits.map((hit) => hit.chunkId);
      const texts = await index.texts(chunkIds, fingerprint);
      index = await opened.reopen();
      expect(await index.search(query)).toEqual(before);
      expect(await index.texts(chunkIds, fingerprint)).toEqual(texts);
    });

    test("a closed index says that it is not available", async () => {
      await index.close();
      await expect(index.search(queryFor(["sensor"]))).rejects.toMatchObject({ code: "index-unavailable" });
      await expect(index.texts([], fingerprint)).rejects.toMatchObject({ code: "index-unavailable" });
    });
  });
}
