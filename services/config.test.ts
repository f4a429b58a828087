import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";
import { openAiShape } from "./openai-settings.ts";

test("an empty variable means that it is not set, for every setting", () => {
  const config = parseConfig({});
  const names = [
    "RETICENT_METRICS_HOST RETICENT_METRICS_PORT",
    "RETICENT_HOST RETICENT_PORT RETICENT_DATA RETICENT_POLICIES RETICENT_ISSUERS RETICENT_AUDIENCE RETICENT_RATE_LIMIT",
    "RETICENT_DEADLINE_MS RETICENT_GRACE_MS RETICENT_SWEEP_MS RETICENT_POLICY_POLL_MS RETICENT_REJECTED_POLICY_HOURS",
    "RETICENT_TRACE_DAYS RETICENT_TRACE_COUNT RETICENT_LOG_LEVEL RETICENT_EMBEDDER RETICENT_EMBEDDER_PREVIOUS",
    "RETICENT_LEDGER RETICENT_INDEX RETICENT_QUEUE RETICENT_TRACES RETICENT_REDIS_URL RETICENT_QUEUE_REDIS_URL RETICENT_NAMESPACE",
    "RETICENT_LEDGER_DURABILITY RETICENT_QDRANT_URL RETICENT_QDRANT_API_KEY RETICENT_EXACT_CHUNKS RETICENT_APPROXIMATE",
    ...Object.keys(openAiShape),
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

test("metrics are read nowhere unless a port is named, and then on this machine alone", () => {
  expect(parseConfig({ RETICENT_METRICS_HOST: "0.0.0.0" }).metrics).toBeUndefined();
  expect(parseConfig({ RETICENT_METRICS_PORT: "9464" }).metrics).toEqual({ host: "127.0.0.1", port: 9464 });
  expect(() => parseConfig({ RETICENT_METRICS_PORT: "x" })).toThrow(/^RETICENT_METRICS_PORT: /);
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

test("a namespace is one word, and reaches every server that the deployment's data lies on", () => {
  const servers = { RETICENT_REDIS_URL: "redis://127.0.0.1:6379", RETICENT_QDRANT_URL: "http://127.0.0.1:6333" };
  expect(parseConfig(servers)).toMatchObject({ redis: { namespace: "reticent" }, qdrant: { namespace: "reticent" } });
  const own = parseConfig({ ...servers, RETICENT_NAMESPACE: "acme-2.test" });
  expect(own).toMatchObject({ redis: { namespace: "acme-2.test" }, qdrant: { namespace: "acme-2.test" } });
  for (const wrong of ["a b", "{a}", "a:b", "-a", "a*", "ü", "a".repeat(65)])
    expect(() => parseConfig({ RETICENT_NAMESPACE: wrong })).toThrow(/^RETICENT_NAMESPACE: /);
});

test("a URL that is none is refused without being repeated, because it may hold a password", () => {
  for (const value of ["secret", "http://secret@127.0.0.1", "redis//secret"]) {
    expect(() => parseConfig({ RETICENT_REDIS_URL: value })).toThrow(/^RETICENT_REDIS_URL: (?!.*secret)/);
  }
});

test("a Redis URL with more than a server and a database, and a Qdrant URL with a password, are refused without being repeated", () => {
  for (const name of ["RETICENT_REDIS_URL", "RETICENT_QUEUE_REDIS_URL"]) {
    for (const rest of ["/secret", "/1/2", "?family=6", "?db=secret", "/0#secret", "/-1", "/1234567"]) {
      expect(() => parseConfig({ [name]: `redis://:secret@host${rest}` })).toThrow(
        new RegExp(`^${name}: (?!.*secret)[^\\n]+$`),
      );
    }
    expect(parseConfig({ [name]: "redis://:secret@host/15" }).redis?.queueUrl).toBe("redis://:secret@host/15");
  }
  for (const rest of ["bob:secret@host", "secret@host", "host?key=secret", "host#secret", "ho\nst:secret"]) {
    expect(() => parseConfig({ RETICENT_QDRANT_URL: `http://${rest}` })).toThrow(
      /^RETICENT_QDRANT_URL: (?!.*secret)[^\n]+$/,
    );
  }
  expect(parseConfig({ RETICENT_QDRANT_URL: "https://host:6333/a/path" }).qdrant?.url).toBe("https://host:6333/a/path");
});

test("a key that no header can hold is refused without being repeated", () => {
  for (const key of [
    "SECRETbad\nkeySECRET",
    "schlüssel€SECRET",
    " SECRET",
    "SECRET\t",
    "\0SECRET",
    "SECRET".repeat(700),
  ]) {
    expect(() => parseConfig({ RETICENT_QDRANT_API_KEY: key })).toThrow(
      /^RETICENT_QDRANT_API_KEY: (?!.*SECRET)[^\n]+$/,
    );
  }
  const settings = { RETICENT_QDRANT_URL: "http://host", RETICENT_QDRANT_API_KEY: "a-key+/=~!" };
  expect(parseConfig(settings).qdrant?.apiKey).toBe("a-key+/=~!");
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

const endpoint = {
  RETICENT_EMBEDDER: "openai",
  RETICENT_OPENAI_BASE_URL: "https://embeddings.test/v1",
  RETICENT_OPENAI_MODEL: "text-embedding-3-small",
};

test("of a known model nothing but its name and place is needed, and what is said wrongly of it is refused", () => {
  expect(parseConfig({}).openai).toBeUndefined();
  expect(parseConfig(endpoint).openai).toMatchObject({ dimensions: 1536, sendDimensions: false, inputTokens: 8_191 });
  const of = (settings: object) => parseConfig({ ...endpoint, ...settings }).openai;
  expect(of({ RETICENT_OPENAI_DIMENSIONS: "512" })).toMatchObject({ dimensions: 512, sendDimensions: true });
  expect(of({ RETICENT_OPENAI_MODEL: "intfloat/e5-base-v2" })).toMatchObject({
    dimensions: 768,
    queryPrefix: "query: ",
    passagePrefix: "passage: ",
  });
  expect(of({ RETICENT_OPENAI_MODEL: "bge-small-en-v1.5", RETICENT_OPENAI_QUERY_PREFIX: "none" })?.queryPrefix).toBe(
    "",
  );
  const other = { RETICENT_OPENAI_MODEL: "own-model" };
  expect(of({ ...other, RETICENT_OPENAI_DIMENSIONS: "256" })).toMatchObject({ dimensions: 256, inputTokens: 512 });
  expect(() => of(other)).toThrow(/^RETICENT_OPENAI_DIMENSIONS: needed, because nothing is known of own-model$/);
  expect(() => of({ RETICENT_OPENAI_MODEL: "bge-m3", RETICENT_OPENAI_DIMENSIONS: "512" })).toThrow(/bge-m3 has 1024$/);
  expect(() => of({ RETICENT_OPENAI_DIMENSIONS: "2000" })).toThrow(/at most 1536$/);
  expect(() => of({ RETICENT_OPENAI_PASSAGE_PREFIX: "x".repeat(900), RETICENT_OPENAI_INPUT_TOKENS: "512" })).toThrow(
    /^RETICENT_OPENAI_PASSAGE_PREFIX: leaves no room/,
  );
  // Half of the deadline for each of two tries, and time to say what failed.
  expect(of({ RETICENT_DEADLINE_MS: "5000" })?.patience).toMatchObject({ queryMs: 4_000 });
});

test("what the endpoint needs is told in one line, all of it at once; a URL with a password is refused and not quoted", () => {
  expect(() => parseConfig({ RETICENT_EMBEDDER: "openai" })).toThrow(
    /^RETICENT_OPENAI_MODEL: .*; RETICENT_OPENAI_BASE_URL: /,
  );
  const { RETICENT_OPENAI_BASE_URL: _none, ...placeless } = endpoint;
  expect(() =>
    parseConfig({ ...placeless, RETICENT_EMBEDDER: "hashed", RETICENT_EMBEDDER_PREVIOUS: "openai" }),
  ).toThrow(/^RETICENT_OPENAI_BASE_URL: needed/);
  for (const url of ["ftp://a.test", "a.test/v1", "https://user:secret@a.test/v1", "https://a.test/#key"]) {
    expect(() => parseConfig({ ...endpoint, RETICENT_OPENAI_BASE_URL: url })).toThrow(
      /^RETICENT_OPENAI_BASE_URL: a URL with http or https, without a user name$/,
    );
  }
  expect(() => parseConfig({ ...endpoint, RETICENT_OPENAI_SECOND_DEPLOYMENT: "x" })).toThrow(
    /^RETICENT_OPENAI_SECOND_BASE_URL: missing/,
  );
});

test("a key comes from the environment or a file, is never printed, and a broken one is not quoted", () => {
  const folder = mkdtempSync(join(tmpdir(), "reticent-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "key");
  writeFileSync(file, "sk-from-a-file\n");
  const byFile = parseConfig({ ...endpoint, RETICENT_OPENAI_API_KEY_FILE: file });
  const byName = parseConfig({ ...endpoint, RETICENT_OPENAI_API_KEY: "sk-from-a-variable" });
  const keys = [byFile, byName].map(({ openai }) => openai?.endpoint.apiKey?.reveal());
  expect(keys).toEqual(["sk-from-a-file", "sk-from-a-variable"]);
  const printed = [byFile, byName].flatMap((config) => [
    inspect(config, { depth: null, showHidden: true }),
    JSON.stringify(config),
    String(config.openai?.endpoint.apiKey),
  ]);
  expect(printed.join()).not.toContain("sk-from");
  for (const broken of [
    { RETICENT_OPENAI_API_KEY: "sk-with a space" },
    { RETICENT_OPENAI_API_KEY: "sk-1", RETICENT_OPENAI_API_KEY_FILE: file },
    { RETICENT_OPENAI_API_KEY_FILE: join(folder, "nothing") },
  ]) {
    expect(() => parseConfig({ ...endpoint, ...broken })).toThrow(/^RETICENT_OPENAI_API_KEY(_FILE)?: (?!.*sk-)/);
  }
});
