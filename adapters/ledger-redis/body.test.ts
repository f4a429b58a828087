import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { packBody, unpackBody } from "./body.ts";

test("a body comes back as it went in, for its own generation alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.nat(), async (text, generation) => {
      const packed = await packBody(generation, text);
      expect(await unpackBody(packed, generation)).toBe(text);
      expect(await unpackBody(packed, generation + 1)).toBeUndefined();
    }),
    { numRuns: 50 },
  );
});

test("text takes a fraction of its size", async () => {
  const text = "The gauge sends its level to the gateway every ten minutes. ".repeat(100);
  expect((await packBody(1, text)).length).toBeLessThan(text.length / 10);
});

test("whatever bit is flipped, or wherever it is cut off: an error, never another text", async () => {
  const text = "The salary of the chairman is 4711. ".repeat(3);
  const packed = await packBody(1, text);
  for (let at = 2; at < packed.length; at += 1) {
    for (const bit of [0x01, 0x10, 0x80]) {
      const damaged = Buffer.from(packed);
      damaged[at] = (damaged[at] ?? 0) ^ bit;
      expect(await unpackBody(damaged, 1).catch(() => text)).toBe(text);
    }
    await expect(unpackBody(packed.subarray(0, at), 1)).rejects.toMatchObject({ code: expect.any(String) });
  }
});

test("bytes that unpack to more than any accepted body are refused", async () => {
  const bomb = await packBody(1, "x".repeat(limits.bodyBytes + 1));
  expect(bomb.length).toBeLessThan(1_000);
  await expect(unpackBody(bomb, 1)).rejects.toMatchObject({ code: expect.any(String) });
  const largest = "x".repeat(limits.bodyBytes);
  expect(await unpackBody(await packBody(1, largest), 1)).toBe(largest);
});
