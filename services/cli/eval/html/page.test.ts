import { parse } from "parse5";
import { expect, test } from "vitest";
import { type EvalReport, reportFormat } from "../eval-report.ts";
import { figuresOf } from "../figures.ts";
import { itemOfStored, type StoredItem } from "../stored-items.ts";
import { htmlOf } from "./page.ts";

const evil = `<script>alert(1)</script>"'&`;
const items: StoredItem[] = [
  ["q1", null, "q1", evil, true, 0.9, "answered", 1, [1]],
  ["q2", null, "q2", "in-corpus", true, 0.4, "low_confidence", 2, [2, 3]],
  ["q3", null, "q3", "out", false, 0.6, "answered", 0, []],
  ["q4", null, "q4", "out", false, 0.1, "no_match", 0, []],
];
const report = (over: Partial<EvalReport> = {}): EvalReport => ({
  format: reportFormat,
  set: evil,
  split: "test",
  service: { model: evil, floor: 0.1, threshold: 0.55 },
  indexed: { documents: 2, stored: 2, chunks: null, seconds: 1, documents_per_second: 2 },
  visibility: { users: 1, equal_by_filter: 1, equal_by_recheck: 1, by_user: [] },
  leaks: { responses: 4, found: 0, first: [], probes: 3, told: [] },
  errors: { count: 0, first: [] },
  queries: { test: figuresOf(items.map(itemOfStored)) },
  pairs: null,
  kinds: { [evil]: { pairs: 1, outcomes: { [evil]: 1 }, median_candidates: 2, median_confidence: 0.5, shapes: [] } },
  latency: { requests: 4, p50_ms: 1, p95_ms: 2, p99_ms: 3 },
  superseded: null,
  isolation: null,
  expectations: { checked: 1, failed: [{ query: evil, user: evil, expected: evil, got: evil }] },
  wrong: { queries: 1, wrong_first: 0 },
  baseline: {
    model: evil,
    method: "paired",
    metrics: [
      {
        list: "queries",
        metric: "auroc",
        before: 0.9,
        after: 0.5,
        low: -0.6,
        high: -0.1,
        p: 0.001,
        verdict: "dropped",
      },
    ],
  },
  values: { queries: items, pairs: null },
  ...over,
});

/** Names of all elements, and all attributes that could load or run something. */
function look(node: object, found = { names: new Set<string>(), loading: [] as string[] }) {
  if ("tagName" in node && typeof node.tagName === "string") found.names.add(node.tagName);
  if ("attrs" in node && Array.isArray(node.attrs)) {
    for (const { name, value } of node.attrs) {
      if (/^(?:src|href|xlink:href|style|srcset|on\w+)$/.test(name)) found.loading.push(`${name}=${value}`);
    }
  }
  if ("childNodes" in node && Array.isArray(node.childNodes)) for (const child of node.childNodes) look(child, found);
  return found;
}

test("the page runs nothing, loads nothing, and shows every name of a set as text", () => {
  const html = htmlOf(report());
  const { names, loading } = look(parse(html));
  for (const name of ["script", "link", "img", "iframe", "object", "form"]) expect(names.has(name)).toBe(false);
  expect(loading).toEqual([]);
  expect(html).not.toContain("<script");
  expect(html).not.toMatch(/https?:|url\(|@import/);
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;");
  expect(html).not.toMatch(/NaN|undefined|\[object/);
});

test("the page shows figures, curves, the comparison and what failed, in light and dark", () => {
  const html = htmlOf(report());
  for (const text of [
    "Risk-coverage curve",
    "Reliability diagram",
    "AUROC",
    "answered@far5",
    "AURC",
    "ECE",
    "dropped",
    "failed",
  ]) {
    expect(html).toContain(text);
  }
  expect(html).toContain("prefers-color-scheme: dark");
  expect(htmlOf(report({ baseline: null, expectations: null }))).toContain('<span class="good">passed</span>');
});

test("a set without unanswerable questions has no risk-coverage curve, and the page still stands", () => {
  const some = items.slice(0, 2);
  const html = htmlOf(
    report({ queries: { test: figuresOf(some.map(itemOfStored)) }, values: { queries: some, pairs: null } }),
  );
  expect(html).not.toContain("Risk-coverage curve");
  expect(html).not.toContain("NaN");
});
