import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hashedEmbedder } from "./hashed.ts";

const embedder = hashedEmbedder();
const embedOne = async (text: string): Promise<Float32Array> =>
  (await embedder.embed([text], "passage"))[0] ?? new Float32Array();
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

test("the model names itself and its limits", () => {
  expect(embedder.model).toMatchObject({ name: "local/hashed-384-v1", dimensions: 384, maxTokens: 256 });
  expect(embedder.model.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

test("the encoder's vectors are fixed: a change of them needs a new model name", async () => {
  const vector = await embedOne("Calibrate the water level sensor.");
  const largest = [...vector.keys()]
    .toSorted((a, b) => Math.abs(vector[b] ?? 0) - Math.abs(vector[a] ?? 0))
    .slice(0, 4);
  expect(largest.map((at) => [at, Math.round((vector[at] ?? 0) * 1e4) / 1e4])).toEqual([
    [235, 0.4676],
    [96, -0.3799],
    [161, 0.3799],
    [369, -0.3799],
  ]);
});

test("any text gives a finite unit vector", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (text) => {
      const vector = await embedOne(text);
      expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    }),
  );
});

test("texts without any word share one fixed direction", async () => {
  expect(await embedOne("")).toEqual(await embedOne("!?! ..."));
});

test("inflections and typing errors stay near, other words do not", async () => {
  const base = await embedOne("calibration");
  expect(cosine(base, await embedOne("calibrating"))).toBeGreaterThan(0.9);
  expect(cosine(base, await embedOne("callibration"))).toBeGreaterThan(0.2);
  expect(Math.abs(cosine(base, await embedOne("holiday")))).toBeLessThan(0.2);
});
