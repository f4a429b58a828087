import process from "node:process";
import { inspect } from "node:util";
import OpenAI from "openai";
import pino from "pino";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Secret } from "#core/secret.ts";
import { embeddingsServer, type Mode } from "#test/kit/embeddings-server.ts";
import { openAiFor, openAiOn, testKey } from "#test/kit/openai.ts";
import { modelOf } from "./openai.ts";

const server = await embeddingsServer();
afterAll(() => server.stop());
beforeEach(() => {
  server.mode = "floats";
  server.requests.length = 0;
  server.refused.clear();
});
const { endpoint } = openAiFor(server);

test("floats are asked for, always; left to itself the client would ask for base64", async () => {
  const embedder = openAiOn(server);
  await embedder.embed(["a question"], "query");
  await embedder.embed(["a passage", "another"], "passage");
  const bare = new OpenAI({ baseURL: server.baseUrl, apiKey: "none", maxRetries: 0, logLevel: "off" });
  await bare.embeddings.create({ model: "hashed", input: ["a question"] });
  expect(server.requests.map(({ body }) => body.encoding_format)).toEqual(["float", "float", "base64"]);
  // This version of the client leaves an array alone; earlier ones decoded it as well, and 1024 numbers became 256 zeros. What is sent as
  // base64 all the same is refused here, not guessed at.
  server.mode = "base64";
  await expect(embedder.embed(["a question"], "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
});

test("a request holds what the API needs and nothing of this machine or its environment", async () => {
  const names = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"];
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = name === "OPENAI_CUSTOM_HEADERS" ? "x-own: 1" : "http://127.0.0.1:1";
  try {
    await openAiOn(server).embed(["text"], "query");
  } finally {
    for (const [at, name] of names.entries()) {
      if (before[at] === undefined) delete process.env[name];
      else process.env[name] = before[at];
    }
  }
  const [request] = server.requests;
  expect(request?.path).toBe("/v1/embeddings");
  expect(request?.body).toEqual({ model: "hashed", input: ["text"], encoding_format: "float" });
  expect(request?.headers.authorization).toBe(`Bearer ${testKey}`);
  const known =
    "accept accept-encoding accept-language authorization connection content-length content-type host sec-fetch-mode user-agent";
  expect(Object.keys(request?.headers ?? {}).filter((name) => !known.split(" ").includes(name))).toEqual([]);
});

test("without a key none is sent", async () => {
  await openAiOn(server, { endpoint: { baseUrl: server.baseUrl, keyHeader: "authorization" } }).embed(
    ["text"],
    "query",
  );
  expect(server.requests[0]?.headers.authorization).toBeUndefined();
});

test("Azure: the deployment in the path or as the model, the version in the query, the key in a header of its own", async () => {
  const azure = { ...endpoint, keyHeader: "api-key" as const, apiVersion: "2024-10-21" };
  const base = server.baseUrl.replace("/v1", "/openai");
  await openAiOn(server, { endpoint: { ...azure, baseUrl: `${base}/deployments/vectors` } }).embed(["a"], "query");
  await openAiOn(server, {
    endpoint: { ...endpoint, keyHeader: "api-key", baseUrl: `${base}/v1/?api-version=preview`, sentModel: "vectors" },
  }).embed(["a"], "query");
  expect(
    server.requests.map(({ path, body, headers }) => [path, body.model, headers["api-key"], headers.authorization]),
  ).toEqual([
    ["/openai/deployments/vectors/embeddings?api-version=2024-10-21", "hashed", testKey, undefined],
    ["/openai/v1/embeddings?api-version=preview", "vectors", testKey, undefined],
  ]);
});

test("prefixes go before questions and passages, dimensions along with a model that can shorten its vectors", async () => {
  const embedder = openAiOn(server, { queryPrefix: "query: ", passagePrefix: "passage: ", sendDimensions: true });
  await embedder.embed(["one"], "query");
  await embedder.embed(["two", " "], "passage");
  expect(server.requests.map(({ body }) => [body.input, body.dimensions])).toEqual([
    [["query: one"], 384],
    [["passage: two", "passage: ."], 384],
  ]);
});

test("requests keep within the limits of the provider, in texts and in bytes", async () => {
  const texts = Array.from({ length: 23 }, (_, at) => `${at} `.repeat(at));
  const vectors = await openAiOn(server, { batchItems: 5, batchBytes: 200 }).embed(texts, "passage");
  expect(vectors).toEqual(await openAiOn(server).embed(texts, "passage"));
  const requests = server.requests.slice(0, -1).map(({ body }) => body.input);
  expect(Math.max(...requests.map((input) => input.length))).toBe(5);
  for (const input of requests) expect(Buffer.byteLength(input.join(""))).toBeLessThanOrEqual(200);
});

test("a limit that nobody told us is found by halving; a text that is refused alone is told from an endpoint that refuses all", async () => {
  const texts = Array.from({ length: 20 }, (_, at) => `text number ${at}`);
  const embedder = openAiOn(server);
  const right = await embedder.embed(texts, "passage");
  server.mostTexts = 3;
  try {
    expect(await embedder.embed(texts, "passage")).toEqual(right);
    server.refused.add("number 13");
    await expect(embedder.embed(texts, "passage")).rejects.toMatchObject({
      name: "AppError",
      code: "embedder-unavailable",
      message: "the embedding model refuses the text",
    });
    server.refused.add(" ").add(".");
    server.requests.length = 0;
    await expect(embedder.embed(texts, "passage")).rejects.toMatchObject({
      code: "embedder-unavailable",
      message: "The embedding model is temporarily unavailable",
    });
    expect(server.requests).toHaveLength(2);
  } finally {
    server.mostTexts = Infinity;
  }
});

test("the fingerprint names the model and what changes vectors or chunks, not the place or the key", () => {
  const options = openAiFor(server);
  const { fingerprint } = modelOf(options);
  const elsewhere = { baseUrl: "http://elsewhere.test/v1", keyHeader: "api-key" as const, apiKey: new Secret("other") };
  expect(modelOf({ ...options, endpoint: elsewhere, second: elsewhere, batchItems: 1 }).fingerprint).toBe(fingerprint);
  const changes = [
    { model: "other" },
    { dimensions: 256 },
    { queryPrefix: "query: " },
    { passagePrefix: "query: " },
    { inputTokens: 512 },
  ];
  const all = changes.map((change) => modelOf({ ...options, ...change }).fingerprint);
  expect(new Set([fingerprint, ...all]).size).toBe(changes.length + 1);
  // Servers call one model by several names.
  const named = (model: string) => modelOf({ ...options, model });
  expect(named("BAAI/bge-m3")).toEqual(named("bge-m3:latest"));
  expect(named("BAAI/bge-m3").name).toBe("openai/bge-m3");
  expect(named("somebody/bge-m3").name).toBe("openai/somebody/bge-m3");
});

test.for(["key-in-error", "unauthorised", "html", "truncated", "hang", "reset"] as const)(
  "the key and the text are in no error, log line or printed object, even when the server says them (%s)",
  async (mode: Mode) => {
    const output: string[] = [];
    const log = pino({ level: "trace" }, { write: (line: string) => void output.push(line) });
    const written = [console.log, console.warn, console.error, console.info, console.debug];
    const say = (...parts: unknown[]) => void output.push(inspect(parts, { depth: null, showHidden: true }));
    Object.assign(console, { log: say, warn: say, error: say, info: say, debug: say });
    process.env.OPENAI_LOG = "debug";
    try {
      const options = openAiFor(server);
      const embedder = openAiOn(server, { patience: { ...options.patience, attempts: 1, attemptMs: 100 } });
      server.mode = mode;
      const error: unknown = await embedder
        .embed(["confidential salary"], "query")
        .catch((problem: unknown) => problem);
      log.warn({ err: error, embedder, options }, "failed");
      for (const value of [error, embedder, options]) {
        output.push(
          inspect(value, { depth: null, showHidden: true, getters: true }),
          JSON.stringify(value),
          String(value),
        );
      }
    } finally {
      delete process.env.OPENAI_LOG;
      const [out, warn, problem, info, debug] = written;
      Object.assign(console, { log: out, warn, error: problem, info, debug });
    }
    expect(output.join("\n")).toContain("EndpointError");
    expect(output.join("\n")).not.toContain(testKey);
    expect(output.join("\n")).not.toContain("confidential");
    // The client is silent, whatever the environment says.
    expect(output.join("\n")).not.toContain("sending request");
  },
);

test("a redirect is not followed: key and texts go to the configured place alone", async () => {
  server.mode = "redirect";
  await expect(openAiOn(server).embed(["text"], "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  expect(server.requests.map(({ path }) => path)).toEqual(["/v1/embeddings"]);
});
