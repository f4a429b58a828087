import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";

test("an empty variable means that it is not set, for every setting", () => {
  const config = parseConfig({});
  const names = [
    "RETICENT_HOST RETICENT_PORT RETICENT_DATA RETICENT_POLICIES RETICENT_ISSUERS RETICENT_AUDIENCE RETICENT_RATE_LIMIT",
    "RETICENT_DEADLINE_MS RETICENT_GRACE_MS RETICENT_SWEEP_MS RETICENT_POLICY_POLL_MS RETICENT_REJECTED_POLICY_HOURS",
    "RETICENT_TRACE_DAYS RETICENT_TRACE_COUNT RETICENT_LOG_LEVEL RETICENT_EMBEDDER RETICENT_EMBEDDER_PREVIOUS",
    "RETICENT_LEDGER RETICENT_INDEX RETICENT_QUEUE RETICENT_TRACES RETICENT_REDIS_URL RETICENT_QUEUE_REDIS_URL",
    "RETICENT_LEDGER_DURABILITY RETICENT_QDRANT_URL RETICENT_QDRANT_API_KEY RETICENT_EXACT_CHUNKS RETICENT_APPROXIMATE",
  ].flatMap((line) => line.split(" "));
  expect(parseConfig(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(config);
});

test("the encoder used before is another one", () => {
  expect(parseConfig({}).previousEmbedder).toBeUndefined();
  const both = { RETICENT_EMBEDDER: "hashed", RETICENT_EMBEDDER_PREVIOUS: "minilm" };
  expect(parseConfig(both)).toMatchObject({ embedder: "hashed", previousEmbedder: "minilm" });
  expect(() => parseConfig({ RETICENT_EMBEDDER_PREVIOUS: "minilm" })).toThrow(
    /^RETICENT_EMBEDDER_PREVIOUS: must be another/,
  );
  expect(() => parseConfig({ RETICENT_EMBEDDER_PREVIOUS: "other" })).toThrow(/^RETICENT_EMBEDDER_PREVIOUS: /);
});

test("a number is written as one, and whatever else stands there is refused by name", () => {
  expect(parseConfig({ RETICENT_PORT: "0" }).port).toBe(0);
  for (const value of [" ", "8080 ", "0x10", "1e3", "-1", "65536", "80.5", "x"]) {
    expect(() => parseConfig({ RETICENT_PORT: value })).toThrow(ConfigError);
    expect(() => parseConfig({ RETICENT_PORT: value })).toThrow(/^RETICENT_PORT: /);
  }
});

test("every bad setting is told at once, an unknown one among them", () => {
  expect(() => parseConfig({ RETICENT_PORT: "x", RETICENT_LOG_LEVEL: "loud", RETICENT_POTR: "1" })).toThrow(
    /RETICENT_POTR is not a setting.*RETICENT_PORT.*RETICENT_LOG_LEVEL/,
  );
});

test("adapters are chosen one by one, and what cannot stand together is told with the setting to change", () => {
  expect(parseConfig({}).adapters).toEqual({ ledger: "sqlite", index: "sqlite", queue: "local", traces: "sqlite" });
  const redis = { RETICENT_LEDGER: "redis", RETICENT_REDIS_URL: "redis://:secret@127.0.0.1:6379" };
  const qdrant = { RETICENT_INDEX: "qdrant", RETICENT_QDRANT_URL: "http://127.0.0.1:6333" };
  expect(parseConfig(qdrant).adapters).toEqual({ ledger: "sqlite", index: "qdrant", queue: "local", traces: "sqlite" });
  expect(parseConfig({ ...redis, ...qdrant }).adapters).toMatchObject({ ledger: "redis", traces: "redis" });
  expect(() => parseConfig(redis)).toThrow(/^RETICENT_INDEX: /);
  expect(() => parseConfig({ RETICENT_LEDGER: "redis", ...qdrant })).toThrow(/^RETICENT_REDIS_URL: /);
  expect(() => parseConfig({ RETICENT_INDEX: "qdrant" })).toThrow(/^RETICENT_QDRANT_URL: /);
  expect(() => parseConfig({ RETICENT_QUEUE: "bullmq" })).toThrow(/^RETICENT_QUEUE_REDIS_URL: /);
});

test("a URL that is none is refused without being repeated, because it may hold a password", () => {
  for (const value of ["secret", "http://secret@127.0.0.1", "redis//secret"]) {
    expect(() => parseConfig({ RETICENT_REDIS_URL: value })).toThrow(/^RETICENT_REDIS_URL: (?!.*secret)/);
  }
});

test("a process that is one of several refuses adapters that the others cannot see", () => {
  const shared = {
    RETICENT_LEDGER: "redis",
    RETICENT_REDIS_URL: "redis://127.0.0.1:6379",
    RETICENT_INDEX: "qdrant",
    RETICENT_QDRANT_URL: "http://127.0.0.1:6333",
    RETICENT_QUEUE: "bullmq",
  };
  expect(parseConfig(shared, "query").role).toBe("query");
  expect(() => parseConfig({ ...shared, RETICENT_QUEUE: "local" }, "worker")).toThrow(/RETICENT_QUEUE=local/);
  expect(() => parseConfig({}, "query")).toThrow(/RETICENT_LEDGER=sqlite, RETICENT_INDEX=sqlite/);
});
