import { expect, test } from "vitest";
import { type CalibrationFile, calibrationText } from "#core/calibration/calibration-file.ts";
import { calibrationFor, calibrationProblems, confidenceFor } from "#core/calibration/published.ts";
import { calibrationOf } from "#test/kit/calibration.ts";
import { check, mistakes, policyFolder, smallPolicy } from "#test/kit/small-policy.ts";
import { openPolicy } from "./policy.ts";

const model = { name: "test/model", fingerprint: "print-1" };
/** The small policy whose model names calibrations. */
const trustNaming = (named: string) => ({
  "trust.yaml": (smallPolicy["trust.yaml"] ?? "").replace("invented for a test }", `invented, ${named} }`),
});
const one = "calibration: calibration/one.json";
const withFile = (text: string) => ({ ...trustNaming(one), "calibration/one.json": text });
const text = calibrationText(calibrationOf());

test("a published calibration is in force for every tenant, with its constants and what it was fitted on", async () => {
  const { loaded, problems } = await check(withFile(text));
  expect(problems).toEqual([]);
  const trust = loaded?.snapshot.trust;
  if (trust === undefined) throw new Error("not loaded");
  const confidence = confidenceFor(trust, model, "acme");
  expect(confidence).toMatchObject({ state: "calibrated", fittedOn: "questions of a test" });
  expect(confidence.confidence({ agreement: 5, bm25_ratio: 0.4 })).toBeCloseTo(1 / (1 + Math.exp(-0.1)), 12);
  expect(confidence.confidence({ agreement: 5 })).toBeNaN();
  expect(confidence.confidence({ agreement: 5, bm25_ratio: Number.NaN })).toBeNaN();
});

test("without a named calibration the confidence is uncalibrated, also when a file lies there", async () => {
  const { loaded } = await check({ "calibration/one.json": text });
  if (loaded === undefined) throw new Error("not loaded");
  expect(confidenceFor(loaded.snapshot.trust, model, "acme").state).toBe("uncalibrated");
});

test("a calibration is part of the trust revision when it is in force, and moves nothing when it is not", async () => {
  const revision = async (files: Readonly<Record<string, string>>) =>
    (await check(files)).loaded?.snapshot.trustRevision ?? "none";
  const other = calibrationText(calibrationOf({ bias: 0.2 }));
  expect(await revision(withFile(other))).not.toBe(await revision(withFile(text)));
  expect(await revision({ ...withFile(text), "calibration/unused.json": other })).toBe(await revision(withFile(text)));
  expect(await revision({ "calibration/one.json": text })).toBe(await revision({}));
});

const changed = (change: (file: Record<string, unknown>) => void): string => {
  const file = JSON.parse(text) as Record<string, unknown>;
  change(file);
  return JSON.stringify(file, null, 2);
};
const broken: readonly (readonly [promise: string, text: string, problem: RegExp])[] = [
  ["text that is not JSON", "bias: 1\n", /^calibration\/one.json:0 not-json$/],
  ["an unknown key", changed((file) => Object.assign(file, { treshold: 1 })), /:\d+ unknown-key$/],
  ["another format", changed((file) => Object.assign(file, { format: 2 })), /:2 invalid-value$/],
  ["a key twice", text.replace('"bias"', '"bias": 9,\n  "bias"'), /:\d+ duplicate-key$/],
  ["a weight that is no number", text.replace('"weight": 1', '"weight": "1"'), /:\d+ invalid-value$/],
  ["a number too large for a number", text.replace('"mean": 5', '"mean": 1e999'), /:\d+ invalid-value$/],
  ["a bias that answers whatever is asked", text.replace('"bias": 0.1', '"bias": 1e308'), /:\d+ invalid-value$/],
  ["a weight that leaves nothing else a say", text.replace('"weight": 1', '"weight": -1e6'), /:\d+ invalid-value$/],
  ["a scale of zero", text.replace('"scale": 2', '"scale": 0'), /:\d+ invalid-value$/],
  ["no feature", changed((file) => Object.assign(file, { features: [] })), /:\d+ invalid-value$/],
  ["a feature twice", text.replace('"bm25_ratio"', '"agreement"'), /:\d+ invalid-value$/],
  ["a feature that is not computed", text.replace('"bm25_ratio"', '"bm25_ration"'), /:\d+ unknown-feature$/],
  ["a date that is none", text.replace("2026-11-01T", "2026-13-01T"), /:\d+ invalid-value$/],
];
test.each(broken)("%s in a calibration is refused", async (_promise, file, problem) => {
  const found = await mistakes(withFile(file));
  expect(found.length).toBeGreaterThan(0);
  for (const mistake of found) expect(mistake).toMatch(problem);
});

test("a calibration that is not there, of another model, of another tenant or twice for one fingerprint is refused with its line", async () => {
  expect(await mistakes(trustNaming(one))).toEqual(["trust.yaml:6 missing-calibration"]);
  expect(await mistakes(trustNaming("calibration: ../one.json"))).toEqual(["trust.yaml:6 invalid-value"]);
  const of = (overrides: Partial<CalibrationFile>) => calibrationText(calibrationOf(overrides));
  expect(await mistakes(withFile(of({ model: "other/model" })))).toEqual(["trust.yaml:6 calibration-model"]);
  const audience = { tenant: "acme", principals: ["group:staff"] };
  expect(await mistakes(withFile(of({ audience })))).toEqual(["trust.yaml:6 calibration-tenant"]);
  const two = "calibration: [calibration/one.json, calibration/two.json]";
  const twice = { ...trustNaming(two), "calibration/one.json": text, "calibration/two.json": text };
  expect(await mistakes(twice)).toEqual(["trust.yaml:6 duplicate-calibration"]);
  expect(await mistakes({ "calibration/one.yaml": "a: 1\n" })).toEqual(["calibration/one.yaml:0 unknown-file"]);
});

test("a tenant has its own calibration, all others the general one, and each fingerprint finds its file", async () => {
  const own = calibrationOf({ fitted_on: "own", audience: { tenant: "acme", principals: ["group:staff"] } });
  const next = calibrationOf({ fitted_on: "next", fingerprint: "print-2" });
  const { loaded, problems } = await check({
    ...trustNaming(
      "calibration: [calibration/one.json, calibration/two.json], tenants: { acme: calibration/own.json }",
    ),
    "calibration/one.json": text,
    "calibration/two.json": calibrationText(next),
    "calibration/own.json": calibrationText(own),
  });
  expect(problems).toEqual([]);
  if (loaded === undefined) throw new Error("not loaded");
  const { trust } = loaded.snapshot;
  expect(calibrationFor(trust, model, "acme")?.fitted_on).toBe("own");
  expect(calibrationFor(trust, model, "other")?.fitted_on).toBe("questions of a test");
  expect(calibrationFor(trust, { ...model, fingerprint: "print-2" }, "other")?.fitted_on).toBe("next");
  // Constants of other vectors are never used: no answer is better than a number that means nothing.
  expect(() => confidenceFor(trust, { ...model, fingerprint: "print-2" }, "acme")).toThrow("another fingerprint");
  expect(calibrationProblems(trust, model)).toEqual([]);
  expect(calibrationProblems(trust, { ...model, fingerprint: "print-3" }).map(({ code }) => code)).toEqual([
    "calibration-fingerprint",
    "calibration-fingerprint",
  ]);
});

test("an edit is taken over with its calibration or rejected whole: broken files, and constants of another fingerprint", async () => {
  const folder = await policyFolder();
  const policy = await openPolicy({
    dir: folder.dir,
    pollMs: 0,
    settleMs: 0,
    rejectedMaxAgeMs: 1e12,
    clock: Date.now,
    accept: ({ trust }) => calibrationProblems(trust, model),
  });
  try {
    const state = () => confidenceFor(policy.current().trust, model, "acme").fittedOn;
    const edit = async (file: string) => {
      await folder.write("calibration/one.json", file);
      await policy.poll();
      return policy.status().rejected?.problems.map(({ code }) => code);
    };
    expect(state()).toBeNull();
    await folder.write("trust.yaml", trustNaming(one)["trust.yaml"]);
    expect(await edit(text)).toBeUndefined();
    expect(state()).toBe("questions of a test");
    expect(await edit(text.slice(0, -9))).toEqual(["not-json"]);
    expect(await edit(calibrationText(calibrationOf({ fingerprint: "print-2" })))).toEqual(["calibration-fingerprint"]);
    expect(state()).toBe("questions of a test");
    expect(await edit(calibrationText(calibrationOf({ fitted_on: "repaired" })))).toBeUndefined();
    expect(state()).toBe("repaired");
    await folder.write("calibration/one.json", calibrationText(calibrationOf({ fingerprint: "print-2" })));
    const again = openPolicy({
      dir: folder.dir,
      pollMs: 0,
      settleMs: 0,
      rejectedMaxAgeMs: 1,
      clock: Date.now,
      accept: ({ trust }) => calibrationProblems(trust, model),
    });
    await expect(again).rejects.toThrow("calibration-fingerprint");
  } finally {
    await policy.close();
    await folder.remove();
  }
});
