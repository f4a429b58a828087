import { afterAll, beforeEach, expect, test } from "vitest";
import { probeDrift } from "#core/embedding/probes.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import { type EmbeddingsServer, embeddingsServer } from "#test/kit/embeddings-server.ts";
import { openAiFor, openAiOn } from "#test/kit/openai.ts";

const [first, second] = [await embeddingsServer(), await embeddingsServer()];
afterAll(async () => {
  await first.stop();
  await second.stop();
});
beforeEach(() => {
  for (const server of [first, second]) Object.assign(server, { mode: "floats", turn: 0, model: "hashed" });
  first.requests.length = 0;
  second.requests.length = 0;
});

const memory = (): ProbeStore => {
  const kept = new Map<string, ReadonlyMap<string, Float32Array>>();
  return {
    read: async (fingerprint) => kept.get(fingerprint) ?? new Map(),
    keep: async (fingerprint, vectors) => void kept.set(fingerprint, vectors),
  };
};
const texts = ["how to calibrate a sensor"];

/** An embedder with both, whose vectors are stored as a service does at its start. */
async function withBoth(fault: Partial<EmbeddingsServer> = {}, store: ProbeStore = memory()) {
  let now = 0;
  const embedder = openAiOn(first, { second: openAiFor(second).endpoint }, { probes: store, clock: () => now });
  await probeDrift(embedder, store);
  const right = await embedder.embed(texts, "query");
  Object.assign(second, fault);
  return {
    embedder,
    right,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test("the second endpoint is asked only when the first fails, and given up when that is back", async () => {
  const { embedder, right, pass } = await withBoth();
  expect(second.requests).toHaveLength(0);
  first.mode = "error";
  expect(await embedder.embed(texts, "query")).toEqual(right);
  expect(await embedder.embed(texts, "passage")).toEqual(right);
  // The comparison, of passages and of questions, is made once for a while.
  expect(second.requests.map(({ body }) => body.input.length)).toEqual([6, 6, 1, 1]);
  first.mode = "floats";
  pass(60_000);
  second.requests.length = 0;
  expect(await embedder.embed(texts, "query")).toEqual(right);
  expect(second.requests).toHaveLength(0);
});

test("a second endpoint with other vectors, another model's name or no answer is never used", async () => {
  const faults: readonly Partial<EmbeddingsServer>[] = [
    { turn: 3 },
    { model: "another-model" },
    { mode: "wrong-dimensions" },
    { mode: "reset" },
  ];
  for (const fault of faults) {
    Object.assign(first, { mode: "floats" });
    Object.assign(second, { mode: "floats", turn: 0, model: "hashed" });
    const { embedder } = await withBoth(fault);
    first.mode = "error";
    const error: unknown = await embedder.embed(texts, "query").catch((problem: unknown) => problem);
    expect(error).toMatchObject({
      code: "embedder-unavailable",
      cause: { message: expect.stringMatching(/^status 500; second endpoint: /) },
    });
    expect(second.requests.every(({ body }) => body.input.length === 6)).toBe(true);
    second.requests.length = 0;
  }
});

test("without stored vectors nothing is known of the second endpoint, so it is not used", async () => {
  const empty: ProbeStore = { read: async () => new Map(), keep: async () => {} };
  const { embedder } = await withBoth({}, empty);
  first.mode = "error";
  await expect(embedder.embed(texts, "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  expect(second.requests).toHaveLength(0);
});

test("one that was right and drifts is found out at the next comparison", async () => {
  const { embedder, right, pass } = await withBoth();
  first.mode = "error";
  expect(await embedder.embed(texts, "query")).toEqual(right);
  second.turn = 5;
  pass(600_000);
  await expect(embedder.embed(texts, "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  second.turn = 0;
  pass(600_000);
  expect(await embedder.embed(texts, "query")).toEqual(right);
});
