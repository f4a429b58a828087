import { expect, test } from "vitest";
import { randomOf } from "../context.ts";
import { harmsOf } from "./killer.ts";

const countOf = (list: readonly string[], isCounted: (harm: string) => boolean): number =>
  list.filter(isCounted).length;
const isKill = (harm: string): boolean => harm.startsWith("kill-") || harm.startsWith("cut-");

test("a run kills at least as often as asked for, most often workers, and does everything at least once", () => {
  for (const kills of [1, 12, 100, 110]) {
    const list = harmsOf(randomOf(kills)(1), kills);
    expect(countOf(list, isKill)).toBeGreaterThanOrEqual(kills);
    expect(new Set(list).size).toBe(11);
  }
  const list = harmsOf(randomOf(1)(1), 110);
  expect(countOf(list, isKill)).toBeLessThanOrEqual(112);
  expect(countOf(list, (harm) => harm === "kill-worker")).toBeGreaterThan(35);
});

test("the seed decides the order, and nothing is killed that is not the test's own", () => {
  const list = harmsOf(randomOf(5)(1), 40);
  expect(harmsOf(randomOf(5)(1), 40)).toEqual(list);
  expect(harmsOf(randomOf(6)(1), 40)).not.toEqual(list);
  const without = harmsOf(randomOf(5)(1), 40, ["kill-qdrant"]);
  expect(without).not.toContain("kill-qdrant");
  expect(countOf(without, isKill)).toBeGreaterThanOrEqual(40);
});
