import { expect, test } from "vitest";
import { readSettings } from "./settings.ts";

const shared = {
  RETICENT_LEDGER: "redis",
  RETICENT_INDEX: "qdrant",
  RETICENT_QUEUE: "bullmq",
  RETICENT_REDIS_URL: "redis://one:6379",
  RETICENT_QUEUE_REDIS_URL: "redis://two:6379",
  RETICENT_QDRANT_URL: "http://three:6333",
};
const spoilt = (env: Readonly<Record<string, string>>) => Object.fromEntries(readSettings(env).spoilt);

test("a good environment is read as the service reads it", () => {
  const { config, given, problems } = readSettings({ ...shared, RETICENT_PORT: "", HOME: "/home" });
  expect(problems).toEqual([]);
  expect(given).toEqual(Object.keys(shared).toSorted());
  expect(config.adapters).toEqual({ ledger: "redis", index: "qdrant", queue: "bullmq", traces: "redis" });
});

test("every bad variable is told once, by its name, and the others hold", () => {
  const {
    config,
    problems,
    spoilt: areas,
  } = readSettings({
    ...shared,
    RETICENT_PORT: "many",
    RETICENT_COLOUR: "red",
    RETICENT_GRACE_MS: "50000",
    RETICENT_DEADLINE_MS: "60000",
    RETICENT_SWEEP_MS: "700",
  });
  expect(problems.map((problem) => problem.split(/[: ]/)[0])).toEqual([
    "RETICENT_COLOUR",
    "RETICENT_PORT",
    "RETICENT_GRACE_MS",
  ]);
  expect(config).toMatchObject({ port: 8080, sweepMs: 700, redis: { url: "redis://one:6379" } });
  expect(areas.size).toBe(0);
});

test("a setting without which nothing can be known of a part spoils that part alone", () => {
  const redis = { ledger: "RETICENT_REDIS_URL", traces: "RETICENT_REDIS_URL" };
  expect(spoilt({ ...shared, RETICENT_REDIS_URL: "http://one" })).toEqual(redis);
  const { RETICENT_REDIS_URL: _gone, ...without } = shared;
  expect(spoilt(without)).toEqual(redis);
  expect(spoilt({ ...shared, RETICENT_QUEUE_REDIS_URL: "x" })).toEqual({ queue: "RETICENT_QUEUE_REDIS_URL" });
  expect(spoilt({ ...shared, RETICENT_TRACES: "files" })).toEqual({ traces: "RETICENT_TRACES" });
  expect(spoilt({ ...shared, RETICENT_LEDGER: "reids" })).toEqual({
    ledger: "RETICENT_LEDGER",
    traces: "RETICENT_LEDGER",
  });
  expect(spoilt({ ...shared, RETICENT_QDRANT_URL: "three:6333" })).toEqual({ index: "RETICENT_QDRANT_URL" });
  expect(spoilt({ ...shared, RETICENT_INDEX: "sqlite" })).toEqual({ index: "RETICENT_INDEX" });
  expect(Object.keys(spoilt({ ...shared, RETICENT_NAMESPACE: "{}" })).toSorted()).toEqual([
    "index",
    "ledger",
    "queue",
    "traces",
  ]);
  expect(spoilt({ RETICENT_EMBEDDER: "openai" })).toEqual({ encoder: "RETICENT_OPENAI_MODEL" });
  expect(spoilt({ RETICENT_ISSUERS: "/no/such/file.json" })).toEqual({ identity: "RETICENT_ISSUERS" });
  expect(spoilt({ RETICENT_EMBEDDER_PREVIOUS: "minilm" })).toEqual({});
});

test("whatever one variable holds, the settings are read, and a bad value is told by the variable's name", () => {
  const { config: _config, ...names } = { config: 0, ...shared };
  const others = [
    "HOST",
    "PORT",
    "AUDIENCE",
    "RATE_LIMIT",
    "DEADLINE_MS",
    "GRACE_MS",
    "EMBEDDER",
    "EXACT_CHUNKS",
    "OPENAI_BASE_URL",
  ];
  for (const name of [...Object.keys(names), ...others.map((other) => `RETICENT_${other}`)]) {
    for (const value of ["\u0000", "-1", "9".repeat(30), "redis://x?y=z", "[]"]) {
      const { problems } = readSettings({ ...shared, [name]: value });
      for (const problem of problems) expect(problem).toContain("RETICENT_");
    }
  }
});
