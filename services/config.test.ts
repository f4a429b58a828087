import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";

test("an empty variable means that it is not set, for every setting", () => {
  const config = parseConfig({});
  const names = [
    "RETICENT_HOST RETICENT_PORT RETICENT_DATA RETICENT_POLICIES RETICENT_ISSUERS RETICENT_AUDIENCE RETICENT_RATE_LIMIT",
    "RETICENT_DEADLINE_MS RETICENT_GRACE_MS RETICENT_SWEEP_MS RETICENT_POLICY_POLL_MS RETICENT_REJECTED_POLICY_HOURS",
    "RETICENT_TRACE_DAYS RETICENT_TRACE_COUNT RETICENT_LOG_LEVEL RETICENT_EMBEDDER RETICENT_EMBEDDER_PREVIOUS",
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
