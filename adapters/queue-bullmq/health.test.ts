import { expect, test } from "vitest";
import { watchHealth } from "./health.ts";

test("a trouble is told once until something was answered, and one of a job does not make the server unreachable", () => {
  const told: string[] = [];
  const health = watchHealth((error) => told.push(String(error)));
  health.troubled(new Error("lock lost"));
  expect(health.now()).toEqual({ reachable: true, failedWakes: 0 });
  for (let attempt = 0; attempt < 3; attempt += 1) health.failed(new Error("refused"));
  health.wakeFailed();
  expect(health.now()).toEqual({ reachable: false, failedWakes: 1 });
  health.answered();
  health.failed(new Error("refused"));
  expect(told).toEqual(["Error: lock lost", "Error: refused", "Error: refused"]);
});
