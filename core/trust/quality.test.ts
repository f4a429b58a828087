import { expect, test } from "vitest";
import { instantSchema, qualityInputSchema, qualityOf } from "./quality.ts";

test("instants are normalised to UTC, and a calendar date is its midnight", () => {
  expect(instantSchema.parse("2026-03-01T10:00:00+02:00")).toBe("2026-03-01T08:00:00.000Z");
  expect(instantSchema.parse("2026-03-01")).toBe("2026-03-01T00:00:00.000Z");
});

test("an instant that leaves the years of four digits in UTC is refused, so that every stored one can be shown", () => {
  expect(instantSchema.safeParse("9999-12-31T23:59:59-01:00").success).toBe(false);
  expect(instantSchema.safeParse("0000-01-01T00:00:00+01:00").success).toBe(false);
  expect(instantSchema.safeParse("9999-12-31T23:59:59Z").success).toBe(true);
});

test("a replaced id without a source is one of the same source, and an unknown quality field is refused", () => {
  const input = qualityInputSchema.parse({ supersedes: ["old.md", { source: "wiki", id: "older.md" }] });
  expect(qualityOf(input, "handbook").supersedes).toEqual([
    { source: "handbook", id: "old.md" },
    { source: "wiki", id: "older.md" },
  ]);
  expect(qualityInputSchema.safeParse({ autority: "reference" }).success).toBe(false);
});
