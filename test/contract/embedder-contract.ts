import { afterAll, describe, expect, test } from "vitest";
import type { Embedder } from "#core/ports/embedder.ts";

/**
 * What every embedder keeps to.
 * @param open a fresh embedder; several may be open at a time
 */
export function embedderContract(name: string, open: () => Promise<Embedder>): void {
  describe(`Embedder: ${name}`, () => {
    const opened: Embedder[] = [];
    const make = async (): Promise<Embedder> => {
      const embedder = await open();
      opened.push(embedder);
      return embedder;
    };
    afterAll(async () => {
      for (const embedder of opened) await embedder.close();
    });

    const odd = [
      "",
      " ",
      "\n\t",
      "!!! ---",
      "the",
      "a",
      "😀",
      "\ud800",
      "漢字",
      "word ".repeat(5_000),
      "x".repeat(20_000),
      "\0",
    ];

    test("every text gives a finite vector of unit length and the model's dimension, odd texts included", async () => {
      const embedder = await make();
      for (const purpose of ["passage", "query"] as const) {
        const vectors = await embedder.embed(odd, purpose);
        expect(vectors).toHaveLength(odd.length);
        for (const vector of vectors) {
          expect(vector).toHaveLength(embedder.model.dimensions);
          expect(vector.every(Number.isFinite)).toBe(true);
          expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
        }
      }
    });

    test("vectors come in the order of the texts and do not depend on what is embedded with them", async () => {
      const embedder = await make();
      const texts = ["how to calibrate a sensor", "the holiday policy", "how to calibrate a sensor"];
      const together = await embedder.embed(texts, "passage");
      const alone = await Promise.all(texts.map(async (text) => (await embedder.embed([text], "passage"))[0]));
      expect(together).toEqual(alone);
      expect(together[0]).toEqual(together[2]);
      expect(await embedder.embed([], "query")).toEqual([]);
    });

    test("two instances of the same model have one fingerprint and give the same bytes", async () => {
      const [first, second] = [await make(), await make()];
      expect(first.model).toEqual(second.model);
      expect(first.model.fingerprint).toMatch(/^\S{8,128}$/);
      const texts = ["Water level sensors need a new battery every two years."];
      expect(await first.embed(texts, "passage")).toEqual(await second.embed(texts, "passage"));
    });

    test("a passage that answers a question is nearer to it than one about something else", async () => {
      const embedder = await make();
      const [question] = await embedder.embed(["How often must the sensor's battery be replaced?"], "query");
      const [near, far] = await embedder.embed(
        ["Replace the battery of each sensor every two years.", "Our office is closed on public holidays."],
        "passage",
      );
      const cosine = (a: Float32Array | undefined, b: Float32Array | undefined): number =>
        [...(a ?? [])].reduce((sum, value, i) => sum + value * (b?.[i] ?? 0), 0);
      expect(cosine(question, near)).toBeGreaterThan(cosine(question, far));
    });

    test("tokens are counted: none in nothing, more in more, and long texts exceed the model's limit", async () => {
      const embedder = await make();
      expect(embedder.countTokens("short text")).toBeGreaterThan(0);
      expect(embedder.countTokens("one two three")).toBeGreaterThan(embedder.countTokens("one"));
      expect(embedder.countTokens("word ".repeat(2 * embedder.model.maxTokens))).toBeGreaterThan(
        embedder.model.maxTokens,
      );
    });
  });
}
