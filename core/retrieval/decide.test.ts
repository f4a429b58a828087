import { expect, test } from "vitest";
import { candidate } from "#test/kit/candidates.ts";
import { decide, trustReason } from "./decide.ts";

const gates = { floor: 0.3, threshold: 0.5 };

test("the reason tells how far the search came: no candidate, none above the floor, too little confidence", () => {
  const low = candidate("a", 0, { similarity: 0.29 });
  const high = candidate("b", 0, { similarity: 0.3 });
  expect(decide([], 1, gates)).toEqual({ outcome: "abstained", reason: "no_match" });
  expect(decide([low], 1, gates)).toEqual({ outcome: "abstained", reason: "below_similarity" });
  expect(decide([low, high], 0.49, gates)).toEqual({ outcome: "abstained", reason: "low_confidence" });
  expect(decide([low, high], 0.5, gates)).toEqual({ outcome: "answered", survivors: [high] });
});

test("a NaN on either side of a gate fails it", () => {
  const good = candidate("a", 0, { similarity: 0.9 });
  const broken = candidate("a", 0, { similarity: Number.NaN });
  expect(decide([broken], 1, gates)).toMatchObject({ reason: "below_similarity" });
  expect(decide([good], Number.NaN, gates)).toMatchObject({ reason: "low_confidence" });
  expect(decide([good], 1, { floor: Number.NaN, threshold: 0.5 })).toMatchObject({ reason: "below_similarity" });
  expect(decide([good], 1, { floor: 0.3, threshold: Number.NaN })).toMatchObject({ reason: "low_confidence" });
});

test("the quality gate of the best candidate that one dropped is the reason", () => {
  const fine = candidate("a", 0);
  const old = candidate("b", 0, { trustGate: "stale" });
  const rumour = candidate("c", 0, { trustGate: "untrusted" });
  expect(trustReason([fine, old, rumour])).toBe("stale");
  expect(trustReason([rumour, old])).toBe("untrusted");
  expect(trustReason([fine])).toBeUndefined();
});
