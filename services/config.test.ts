import { expect, test } from "vitest";
import { ConfigError, defaultConfig, parseConfig } from "./config.ts";

test("without any variable the service listens on 127.0.0.1:8080 with ./data and ./policies", () => {
  expect(defaultConfig()).toMatchObject({ host: "127.0.0.1", port: 8080, audience: "reticent" });
  expect(defaultConfig().dataDir).toMatch(/data$/);
  expect(defaultConfig().policyDir).toMatch(/policies$/);
});

test("every bad setting is named at once, and a misspelt one is not passed over", () => {
  expect(() => parseConfig({ RETICENT_PORT: "eighty", RETICENT_RATE_LIMIT: "0", RETICENT_PROT: "1" })).toThrow(
    ConfigError,
  );
  expect(() => parseConfig({ RETICENT_PORT: "eighty", RETICENT_RATE_LIMIT: "0", RETICENT_PROT: "1" })).toThrow(
    /RETICENT_PROT is not a setting.*RETICENT_PORT.*RETICENT_RATE_LIMIT/,
  );
});

test("a grace shorter than the longest request is refused", () => {
  expect(() => parseConfig({ RETICENT_GRACE_MS: "1000", RETICENT_DEADLINE_MS: "10000" })).toThrow(/RETICENT_GRACE_MS/);
});

test("the variables of the command-line clients are no mistake in a service's environment", () => {
  expect(() => parseConfig({ RETICENT_URL: "http://127.0.0.1:1", RETICENT_TOKEN: "t" })).not.toThrow();
});
