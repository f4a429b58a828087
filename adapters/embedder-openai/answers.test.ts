import { afterAll, beforeEach, expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { embeddingsServer, type Mode } from "#test/kit/embeddings-server.ts";
import { openAiFor, openAiOn } from "#test/kit/openai.ts";
import { EndpointError } from "./endpoint-error.ts";

const server = await embeddingsServer();
afterAll(() => server.stop());
beforeEach(() => {
  server.mode = "floats";
  server.next.length = 0;
  server.requests.length = 0;
});

const texts = ["one sensor", "two gauges", "three masts"];
/** Gives up at the first failure; when nothing comes, after a second, which a busy machine needs for a right answer. */
const hasty = { patience: { ...openAiFor(server).patience, attempts: 1, attemptMs: 1_000, failures: 1_000 } };

const wrong: readonly (readonly [Mode, RegExp])[] = [
  ["error", /^status 500$/],
  ["rate-limited", /^status 429 \(rate_limit_exceeded\)$/],
  ["unauthorised", /^status 401 \(invalid_api_key\)$/],
  ["redirect", /^status 307$/],
  ["hang", /^no whole answer in 1000 ms$/],
  ["slow-drip", /^no whole answer in 1000 ms$/],
  ["slow-error", /^no whole answer in 1000 ms$/],
  ["reset", /^the connection failed \(ECONNRESET\)$/],
  ["empty", /^the answer is no JSON object$/],
  ["html", /^the answer is no JSON object$/],
  ["truncated", /^the answer is not JSON$/],
  ["nan", /^the answer is not JSON$/],
  ["endless", /^the answer is too long$/],
  ["base64", /^an embedding is no list of numbers$/],
  ["wrong-index", /^an embedding does not say which text it belongs to$/],
  ["no-index", /^an embedding does not say which text it belongs to$/],
  ["same-index", /^two embeddings of the same text$/],
  ["too-few", /^2 embeddings for 3 texts$/],
  ["too-many", /^4 embeddings for 3 texts$/],
  ["null-component", /^an embedding holds something else than numbers$/],
  ["text-component", /^an embedding holds something else than numbers$/],
  ["wrong-dimensions", /^383 dimensions instead of 384$/],
  ["zero", /^an embedding has no direction$/],
  ["wrong-model", /^the answer comes from another model/],
  ["no-model", /^the answer comes from another model/],
  ["not-an-object", /^the answer is no JSON object$/],
  ["no-data", /^the answer has no list of embeddings$/],
];

test.for(wrong)(
  "a server that answers with %s gives no vectors but embedder-unavailable, and is forgiven at once",
  async ([mode, reason]) => {
    const embedder = openAiOn(server, hasty);
    const right = await embedder.embed(texts, "passage");
    server.mode = mode;
    for (const purpose of ["passage", "query"] as const) {
      const error: unknown = await embedder.embed(texts, purpose).catch((problem: unknown) => problem);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: "embedder-unavailable", details: { retryAfterS: expect.any(Number) } });
      // A caller is told nothing of the endpoint; the log is.
      expect(error).toMatchObject({ message: "The embedding model is temporarily unavailable" });
      const { cause } = error as AppError;
      expect(cause).toBeInstanceOf(EndpointError);
      expect((cause as EndpointError).message).toMatch(reason);
    }
    server.mode = "floats";
    expect(await embedder.embed(texts, "passage")).toEqual(right);
    await embedder.close();
  },
);

test("a refused connection is embedder-unavailable, and the server is used again when it is back", async () => {
  const away = await embeddingsServer();
  const embedder = openAiOn(away, hasty);
  await away.stop();
  await expect(embedder.embed(texts, "query")).rejects.toMatchObject({
    code: "embedder-unavailable",
    cause: { message: "the connection failed (ECONNREFUSED)" },
  });
  await away.start();
  expect(await embedder.embed(texts, "query")).toHaveLength(3);
  await embedder.close();
  await away.stop();
});

test("an answer in another order is put in order by its indices, one of other length is made unit length, one in many lines is read", async () => {
  const embedder = openAiOn(server);
  const right = await embedder.embed(texts, "passage");
  server.mode = "shuffled";
  expect(await embedder.embed(texts, "passage")).toEqual(right);
  server.mode = "printed";
  expect(await embedder.embed(texts, "passage")).toEqual(right);
  server.mode = "scaled";
  for (const [at, vector] of (await embedder.embed(texts, "passage")).entries()) {
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect(Math.max(...vector.map((value, i) => Math.abs(value - (right[at]?.[i] ?? 0))))).toBeLessThan(1e-6);
  }
  await embedder.close();
});

test("a model may be answered under the names that its servers are known to give it, and under those that are set", async () => {
  const answers = async (model: string, answered: string, answeredModels?: readonly string[] | "any") => {
    server.model = answered;
    const { endpoint } = openAiFor(server);
    const named = { ...endpoint, ...(answeredModels === undefined ? {} : { answeredModels }) };
    const embedder = openAiOn(server, { ...hasty, model, endpoint: named });
    return embedder.embed(texts, "query").then(
      () => true,
      () => false,
    );
  };
  try {
    expect(await answers("text-embedding-ada-002", "text-embedding-ada-002-v2")).toBe(true);
    expect(await answers("bge-m3", "BAAI/bge-m3")).toBe(true);
    expect(await answers("BAAI/bge-m3", "bge-m3:latest")).toBe(true);
    expect(await answers("bge-m3", "somebody/bge-m3")).toBe(false);
    expect(await answers("somebody/bge-m3", "bge-m3")).toBe(false);
    expect(await answers("bge-m3", "/models/bge", ["/models/bge"])).toBe(true);
    expect(await answers("bge-m3", "/models/bge", "any")).toBe(true);
  } finally {
    server.model = "hashed";
  }
});
