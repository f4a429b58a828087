import { expect, test } from "vitest";
import { troubleTeller } from "./log.ts";

test("a trouble that goes on is told once a minute with how often it came, another one at once", () => {
  let now = 0;
  const lines: [string, number][] = [];
  const tell = troubleTeller(
    (error, repeated) => lines.push([String(error), repeated]),
    () => now,
  );
  for (now = 0; now < 60_000; now += 100) tell(new Error("refused"));
  now = 59_999;
  tell("another");
  expect(lines).toEqual([
    ["Error: refused", 0],
    ["another", 0],
  ]);
  now = 60_000;
  tell(new Error("refused"));
  expect(lines.at(-1)).toEqual(["Error: refused", 599]);
});
