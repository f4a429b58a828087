import { afterAll, beforeEach, expect, test } from "vitest";
import { embeddingsServer } from "#test/kit/embeddings-server.ts";
import { openAiFor, openAiOn } from "#test/kit/openai.ts";
import { retryAfterMsOf } from "./endpoint-error.ts";

const server = await embeddingsServer();
afterAll(() => server.stop());
beforeEach(() => {
  server.mode = "floats";
  server.next.length = 0;
  server.retryAfter = undefined;
  server.requests.length = 0;
});
const { patience } = openAiFor(server);
const unavailable = "temporarily unavailable";
const texts = ["how to calibrate a sensor"];

test("what may pass is tried again: an outage, a limit, an answer that broke off", async () => {
  for (const mode of ["error", "rate-limited", "truncated", "reset", "html"] as const) {
    server.requests.length = 0;
    server.next.push(mode, mode);
    const embedder = openAiOn(server);
    expect(await embedder.embed(texts, "query")).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
  }
});

test("a wrong key or path is not tried again", async () => {
  server.mode = "unauthorised";
  await expect(openAiOn(server).embed(texts, "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  expect(server.requests).toHaveLength(1);
});

test("Retry-After is waited for when there is time, and else passed on to the caller, without another request meanwhile", async () => {
  server.retryAfter = "1";
  server.next.push("rate-limited");
  const embedder = openAiOn(server);
  const started = performance.now();
  expect(await embedder.embed(texts, "query")).toHaveLength(1);
  // The only lower bound that holds on any machine.
  expect(performance.now() - started).toBeGreaterThanOrEqual(950);

  server.retryAfter = "20";
  server.next.push("rate-limited");
  server.requests.length = 0;
  for (let i = 0; i < 3; i++) {
    await expect(embedder.embed(texts, "query")).rejects.toMatchObject({
      code: "embedder-unavailable",
      details: { retryAfterS: 20 },
    });
  }
  expect(server.requests).toHaveLength(1);
  // Passages have a lane of their own.
  expect(await embedder.embed(texts, "passage")).toHaveLength(1);
});

test("Retry-After is read as seconds, as a date and in ms, and bounded", () => {
  const now = Date.UTC(2026, 0, 1);
  const read = (headers: Record<string, string>) => retryAfterMsOf(new Headers(headers), now);
  expect(read({ "retry-after": "3" })).toBe(3_000);
  expect(read({ "retry-after": "Thu, 01 Jan 2026 00:00:07 GMT" })).toBe(7_000);
  expect(read({ "retry-after": "Thu, 01 Jan 2025 00:00:00 GMT" })).toBe(0);
  expect(read({ "retry-after": "3", "retry-after-ms": "150" })).toBe(150);
  expect(read({ "retry-after": "86400" })).toBe(60_000);
  expect(read({ "retry-after": "soon" })).toBeUndefined();
  expect(read({})).toBeUndefined();
});

test("a tries' number, the deadline and the budget of all requests bound what an outage costs", async () => {
  server.mode = "error";
  const embedder = openAiOn(server, { patience: { ...patience, failures: 1_000 } });
  for (let i = 0; i < 20; i++) await expect(embedder.embed(texts, "query")).rejects.toThrow(unavailable);
  // 20 first tries, and 10 more in all.
  expect(server.requests).toHaveLength(30);

  server.requests.length = 0;
  server.mode = "hang";
  const hasty = openAiOn(server, {
    patience: { ...patience, attemptMs: 60, queryMs: 100, passageMs: 100, failures: 1_000 },
  });
  await expect(hasty.embed(texts, "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  expect(server.requests.length).toBeLessThanOrEqual(2);
});

test("an endpoint that failed five times in a row is left alone, and found again by one request, without a restart", async () => {
  let now = 0;
  server.mode = "error";
  const rest = { ...patience, attempts: 1, restMs: 10_000 };
  const embedder = openAiOn(server, { patience: rest }, { clock: () => now });
  for (let i = 0; i < 8; i++) await expect(embedder.embed(texts, "query")).rejects.toThrow(unavailable);
  expect(server.requests).toHaveLength(5);
  now += 9_000;
  await expect(embedder.embed(texts, "query")).rejects.toMatchObject({ details: { retryAfterS: 1 } });
  // One of three that come at the same time looks.
  now += 1_000;
  await Promise.allSettled([1, 2, 3].map(() => embedder.embed(texts, "query")));
  expect(server.requests).toHaveLength(6);
  server.mode = "floats";
  now += 10_000;
  expect(await embedder.embed(texts, "query")).toHaveLength(1);
  expect(await Promise.all([1, 2, 3].map(() => embedder.embed(texts, "query")))).toHaveLength(3);
});

test("texts that are refused do not open it", async () => {
  server.refused.add("poison");
  try {
    const embedder = openAiOn(server);
    // Found by halving, which is six refusals one after the other.
    const many = Array.from({ length: 32 }, (_, at) => (at === 0 ? "poison" : `text ${at}`));
    await expect(embedder.embed(many, "passage")).rejects.toThrow("refuses the text");
    expect(await embedder.embed(texts, "passage")).toHaveLength(1);
  } finally {
    server.refused.clear();
  }
});

test("closing ends what is under way", async () => {
  server.mode = "hang";
  const embedder = openAiOn(server, { patience: { ...patience, attemptMs: 600_000, passageMs: 600_000 } });
  const waiting = embedder.embed(texts, "passage").catch((error: unknown) => error);
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await embedder.close();
  expect(await waiting).toMatchObject({ code: "embedder-unavailable" });
});
