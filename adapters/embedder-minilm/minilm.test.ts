import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInModel, type MiniLmEmbedder, openMiniLm } from "./minilm.ts";
import { reduced } from "./shape.ts";

let embedder: MiniLmEmbedder;
beforeAll(async () => {
  embedder = await openMiniLm({ threads: 2 });
});
afterAll(() => embedder.close());

function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let [product, leftSquare, rightSquare] = [0, 0, 0];
  for (let i = 0; i < left.length; i++) {
    const [a, b] = [left[i] ?? 0, right[i] ?? 0];
    product += a * b;
    leftSquare += a * a;
    rightSquare += b * b;
  }
  return product / Math.sqrt(leftSquare * rightSquare);
}

test("vectors agree with those of the original in double precision", async () => {
  const { sentences }: { sentences: { text: string; vector: string }[] } = JSON.parse(
    readFileSync(join(import.meta.dirname, "reference.json"), "utf8"),
  );
  expect(sentences).toHaveLength(16);
  const vectors = await embedder.embed(
    sentences.map(({ text }) => text),
    "passage",
  );
  const cosines = sentences.map(({ vector }, index) => {
    const bytes = Uint8Array.from(Buffer.from(vector, "base64"));
    return cosine(new Int16Array(bytes.buffer), vectors[index] ?? []);
  });
  // The smallest is a lone question mark's; texts with words are above .997.
  expect(Math.min(...cosines)).toBeGreaterThan(0.991);
  expect(cosines.filter((value) => value < 0.997).length).toBeLessThanOrEqual(1);
  expect(cosines.reduce((a, b) => a + b) / cosines.length).toBeGreaterThan(0.998);
});

test("a question finds the passage that means the same in other words", async () => {
  const [question] = await embedder.embed(["How many days off do I get each year?"], "query");
  const passages = await embedder.embed(
    ["Annual leave is 28 working days.", "The year's budget is due in October.", "Days get shorter in autumn."],
    "passage",
  );
  const similarities = passages.map((passage) => cosine(question ?? [], passage));
  expect(similarities.indexOf(Math.max(...similarities))).toBe(0);
});

test("token outputs come with the same vector, one row of unit length per counted token, cut where the text is cut", async () => {
  const texts = ["Replace the battery every two years.", "", "word ".repeat(400)];
  const [plain, detailed] = await Promise.all([
    embedder.embed(texts, "passage"),
    embedder.tokenOutputs.embed(texts, "passage"),
  ]);
  expect(embedder.tokenOutputs.dimensions).toBe(reduced);
  detailed.forEach(({ vector, tokens }, index) => {
    expect(vector).toEqual(plain[index]);
    expect(tokens.ids).toHaveLength(Math.min(embedder.countTokens(texts[index] ?? ""), embedder.model.maxTokens));
    expect(tokens.vectors).toHaveLength(tokens.ids.length * reduced);
    for (let row = 0; row < tokens.ids.length; row++) {
      const length = Math.hypot(...tokens.vectors.subarray(row * reduced, (row + 1) * reduced));
      expect(Math.abs(length / 127 - 1)).toBeLessThan(0.02);
    }
  });
});

test("a token's output depends on its meaning in the text", async () => {
  const [money, river, account] = await embedder.tokenOutputs.embed(
    ["the bank lends money", "the bank of the river", "my bank closed the account"],
    "passage",
  );
  const row = (embedded: typeof money): Int8Array =>
    embedded?.tokens.vectors.slice(reduced, 2 * reduced) ?? new Int8Array();
  expect(money?.tokens.ids[1]).toBe(river?.tokens.ids[1]);
  expect(cosine(row(money), row(account))).toBeGreaterThan(cosine(row(money), row(river)));
});

test("a query overtakes the passages that wait before it", async () => {
  const done: string[] = [];
  const passages = Array.from({ length: 12 }, (_, i) => `${i} `.repeat(120));
  const all = passages.map(async (text) => {
    await embedder.embed([text], "passage");
    done.push("passage");
  });
  await embedder.embed(["a short question"], "query");
  done.push("query");
  await Promise.all(all);
  expect(done.indexOf("query")).toBeLessThan(8);
});

test("after closing, and for texts that were still waiting, there is an error and no vector", async () => {
  const closing = await openMiniLm({ threads: 1 });
  const waiting = closing.embed(
    Array.from({ length: 8 }, () => "some words ".repeat(100)),
    "passage",
  );
  const [outcome] = await Promise.all([waiting.catch((error: unknown) => error), closing.close()]);
  expect(outcome).toMatchObject({ code: "embedder-unavailable" });
  await expect(closing.embed(["anything"], "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  await closing.close();
});

test("weights that are not those of the manifest, and missing ones, stop the start and say which file it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "reticent-model-"));
  try {
    for (const file of ["manifest.json", "vocabulary.txt"]) copyFileSync(join(builtInModel, file), join(folder, file));
    await expect(openMiniLm({ folder })).rejects.toMatchObject({ code: "embedder-unavailable" });
    const weights = readFileSync(join(builtInModel, "weights.bin"));
    weights[1_000_000] = (weights[1_000_000] ?? 0) ^ 1;
    writeFileSync(join(folder, "weights.bin"), weights);
    await expect(openMiniLm({ folder })).rejects.toThrow(/weights\.bin has the SHA-256/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
