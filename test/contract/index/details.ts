import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VectorIndex } from "#core/ports/index.ts";
import { tokenMatches } from "#core/retrieval/late-interaction.ts";
import type { OpenedIndex } from "../index-contract.ts";
import { ContractLive, direction, fingerprint, generationOf, keyOf, queryFor } from "./world.ts";

/** The part of the contract about what an answer says beside its hits' scores, and about token outputs. */
export function detailsContract(name: string, open: (live: ContractLive) => Promise<OpenedIndex>): void {
  describe(`VectorIndex, details: ${name}`, () => {
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

    test("a hit says how often each query term occurs in it, in the order of the query's terms", async () => {
      await put("both", "sensor sensor battery", 10);
      await put("dense", "other", 20);
      await put("lexical", "battery", 120);
      const { hits } = await index.search(queryFor(["battery", "absent", "sensor"]));
      const of = (id: string) => hits.find((hit) => hit.key.id === id)?.frequencies;
      expect([of("both"), of("dense"), of("lexical")]).toEqual([
        [1, 0, 2],
        [0, 0, 0],
        [1, 0, 0],
      ]);
      expect((await index.search(queryFor([]))).hits.map((hit) => hit.frequencies)).toEqual([[], []]);
    });

    test("mean and deviation are those of the query with every selected chunk, found or not", async () => {
      const cosines = [0, 30, 80, 120, 180].map((degrees) => Math.cos((degrees * Math.PI) / 180));
      for (const [i, degrees] of [0, 30, 80, 120, 180].entries()) await put(`d${i}`, "other", degrees);
      await put("hidden", "other", 5, "marlow");
      const mean = cosines.reduce((sum, value) => sum + value, 0) / 5;
      const deviation = Math.sqrt(cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5);
      const { similarity } = (await index.search(queryFor([], { limit: 1 }))).statistics;
      expect(Math.abs(similarity.mean - mean)).toBeLessThan(0.01);
      expect(Math.abs(similarity.deviation - deviation)).toBeLessThan(0.01);
      expect(similarity.mean).toBe(Math.round(similarity.mean * 1e6) / 1e6);
    });

    test("the neighbours of the most similar chunk are the nearest of other documents, when asked for", async () => {
      const neighbours = async () => (await index.search(queryFor([], { density: true }))).statistics.neighbours;
      const near = { words: ["other"], vector: direction(4) };
      await index.write(generationOf(keyOf("best"), [{ words: ["other"], vector: direction(3) }, near]));
      live.publish(keyOf("best"));
      expect(await neighbours()).toBeNull();
      await put("far", "other", 63);
      expect(await neighbours()).toBeCloseTo(0.5, 5);
      for (let i = 0; i < 10; i++) await put(`n${i}`, "other", 33);
      expect(await neighbours()).toBeCloseTo(Math.cos(Math.PI / 6), 5);
      expect((await index.search(queryFor([]))).statistics.neighbours).toBeNull();
      const away = direction(0).map((value) => -value);
      expect((await index.search(queryFor([], { density: true, vector: away }))).statistics.neighbours).toBeNull();
    });

    test("token outputs come back as they were written, and go with their generation", async () => {
      const plain = generationOf(keyOf("a"), [
        { words: ["first"], vector: direction(0) },
        { words: ["second"], vector: direction(5) },
        { words: ["third"], vector: direction(9) },
      ]);
      const outputs = { dimensions: 3, vectors: Int8Array.of(127, 0, -127, 1, 2, 3) };
      const chunks = plain.chunks.map((chunk, i) => (i === 1 ? chunk : { ...chunk, tokenOutputs: outputs }));
      await index.write({ ...plain, chunks });
      const written = plain.chunks.map((chunk) => chunk.chunkId);
      const [first = "", second = ""] = written;
      const read = await index.tokenOutputs(
        [second, "00000000-0000-5000-8000-000000000000", first, first],
        fingerprint,
      );
      expect([...read]).toEqual([[first, outputs]]);
      index = await opened.reopen();
      expect((await index.tokenOutputs(written, fingerprint)).size).toBe(2);
      await index.remove(keyOf("a"), 1, "model-a");
      expect((await index.tokenOutputs(written, fingerprint)).size).toBe(0);
    });

    test("an index that matches tokens itself gives what the reference makes of its token outputs", async () => {
      if (index.matchTokens === undefined) return;
      const draw = (length: number, step: number) =>
        Int8Array.from({ length }, (_, i) => Math.round(127 * Math.sin(step * (i + 1))));
      const query = { dimensions: 20, vectors: draw(7 * 20, 0.37) };
      const passages = [0, 1, 9, 40].map((rows) => ({ dimensions: 20, vectors: draw(rows * 20, 0.11 * (rows + 1)) }));
      const plain = generationOf(
        keyOf("a"),
        [...passages, null].map((_, i) => ({ words: ["word"], vector: direction(i) })),
      );
      const chunks = plain.chunks.map((chunk, i) => (passages[i] ? { ...chunk, tokenOutputs: passages[i] } : chunk));
      await index.write({ ...plain, chunks });
      const ids = plain.chunks.map(({ chunkId }) => chunkId);
      const expected = passages.map((passage, i) => [ids[i], tokenMatches(query, passage)]);
      const asked = ["00000000-0000-5000-8000-000000000000", ...ids];
      expect([...((await index.matchTokens(query, asked, fingerprint)) ?? [])]).toEqual(expected);
      index = await opened.reopen();
      expect([...((await index.matchTokens?.(query, asked, fingerprint)) ?? [])]).toEqual(expected);
      const other = { dimensions: 10, vectors: query.vectors };
      await expect(index.matchTokens?.(other, asked, fingerprint)).rejects.toMatchObject({ code: "index-unavailable" });
      expect([...((await index.matchTokens?.(query, asked, fingerprint)) ?? [])]).toEqual(expected);
      await index.remove(keyOf("a"), 1, "model-a");
      expect((await index.matchTokens?.(query, asked, fingerprint))?.size).toBe(0);
    });

    test("embeddings are given back to their source and fingerprint alone, as long as a generation holds them", async () => {
      if (index.embeddings === undefined) return;
      const wiki = { tenant: "halden", source: keyOf("a").source };
      const keys = ["aa", "bb", "cc"].map((byte) => byte.repeat(32));
      const outputs = { dimensions: 3, vectors: Int8Array.of(127, 0, -127) };
      const withKeys = (id: string, tenant: string, of = "model-a") => {
        const plain = generationOf(
          keyOf(id, tenant),
          keys.map((_, i) => ({ words: [id], vector: direction(10 * i) })),
          1,
          of,
        );
        const chunks = plain.chunks.map((chunk, i) => {
          const embeddingKey = keys[i] ?? "";
          return { ...chunk, embeddingKey, chunk: 2 * i, ...(i === 1 ? { tokenOutputs: outputs } : {}) };
        });
        return { ...plain, chunks };
      };
      await index.write(withKeys("a", "halden"));
      await index.write(withKeys("b", "halden"));
      const [, second = "", third = ""] = keys;
      const expected = [
        [third, { vector: direction(20) }],
        [second, { vector: direction(10), tokenOutputs: outputs }],
      ];
      const asked = [third, "dd".repeat(32), second];
      expect([...(await index.embeddings(wiki, "model-a", asked))]).toEqual(expected);
      expect((await index.embeddings({ ...wiki, source: "finance" }, "model-a", asked)).size).toBe(0);
      expect((await index.embeddings({ ...wiki, tenant: "marlow" }, "model-a", asked)).size).toBe(0);
      expect((await index.embeddings(wiki, "model-b", asked)).size).toBe(0);
      index = await opened.reopen();
      await index.remove(keyOf("a"), 1, "model-a");
      expect([...((await index.embeddings?.(wiki, "model-a", asked)) ?? [])]).toEqual(expected);
      await index.remove(keyOf("b"), 1, "model-a");
      expect((await index.embeddings?.(wiki, "model-a", asked))?.size).toBe(0);
    });

    test("token outputs that are no whole number of rows are refused and nothing is stored", async () => {
      const plain = generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(0) }]);
      live.publish(keyOf("a"));
      for (const outputs of [
        { dimensions: 3, vectors: new Int8Array(4) },
        { dimensions: 0, vectors: new Int8Array(0) },
        { dimensions: 1.5, vectors: new Int8Array(3) },
      ]) {
        const chunks = plain.chunks.map((chunk) => ({ ...chunk, tokenOutputs: outputs }));
        await expect(index.write({ ...plain, chunks })).rejects.toMatchObject({ code: "index-unavailable" });
      }
      expect((await index.search(queryFor(["sensor"]))).hits).toEqual([]);
    });
  });
}
