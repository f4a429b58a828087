import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Registry } from "./registry.ts";
import { parseExposition } from "./testing/parse.ts";

test("counters and histograms are written as a reader expects them", async () => {
  const registry = new Registry();
  const counter = registry.counter("made_total", "Things that were made");
  counter.add({ kind: "a" });
  counter.add({ kind: "a" });
  counter.add({ kind: "b" }, 3);
  registry.counter("failed_total", "None", { isLabelled: false });
  const seconds = registry.histogram("took_seconds", "Time", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe({ route: "/x" }, value);
  expect(await registry.text()).toBe(
    [
      "# HELP made_total Things that were made",
      "# TYPE made_total counter",
      'made_total{kind="a"} 2',
      'made_total{kind="b"} 3',
      "# HELP failed_total None",
      "# TYPE failed_total counter",
      "failed_total 0",
      "# HELP took_seconds Time",
      "# TYPE took_seconds histogram",
      'took_seconds_bucket{route="/x",le="0.1"} 2',
      'took_seconds_bucket{route="/x",le="1"} 3',
      'took_seconds_bucket{route="/x",le="+Inf"} 4',
      'took_seconds_sum{route="/x"} 7.65',
      'took_seconds_count{route="/x"} 4',
      "",
    ].join("\n"),
  );
});

test("whatever a label holds, the text stays readable and each series is one", async () => {
  const property = fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 8 }), async (values) => {
    const registry = new Registry();
    const counter = registry.counter("made_total", 'A help with "quotes", a \\ and a\nline');
    for (const value of values) counter.add({ kind: value });
    const { series } = parseExposition(await registry.text()).get("made_total") ?? {};
    expect(series?.size).toBe(new Set(values).size);
    expect([...(series?.values() ?? [])].reduce((sum, value) => sum + value, 0)).toBe(values.length);
  });
  await fc.assert(property);
});

test("a figure that is not known is left out, and keeps no other one", async () => {
  const registry = new Registry();
  registry.read("gauge", "away", "Rejects", () => Promise.reject(new Error("away")));
  registry.read("gauge", "slow", "Hangs", () => new Promise(() => {}));
  registry.read("gauge", "there", "Is there", async () => [{ value: 1.5 }]);
  expect([...parseExposition(await registry.text(20)).keys()]).toEqual(["there"]);
});
