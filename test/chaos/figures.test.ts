import { expect, test } from "vitest";
import { Recoveries, summary } from "./figures.ts";

test("a recovery is over when every sign was seen of a request that was sent after the kill", () => {
  const recoveries = new Recoveries();
  const before = performance.now() - 1;
  recoveries.killed("kill-ledger-redis", ["read", "write"]);
  recoveries.worked("read", before);
  recoveries.worked("write", performance.now());
  expect(recoveries.open).toEqual(["kill-ledger-redis: read"]);
  recoveries.worked("read", performance.now());
  expect(recoveries.open).toEqual([]);
  expect(Object.keys(recoveries.toObject())).toEqual(["kill-ledger-redis"]);
});

test("median and longest", () => {
  expect(summary([30, 10, 20])).toEqual({ p50: 20, max: 30 });
});
