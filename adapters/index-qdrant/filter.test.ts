import { expect, test } from "vitest";
import type { IndexQuery } from "#core/ports/index.ts";
import { plainTrust, searchOf, visibleTo } from "#test/kit/documents.ts";
import { allOf, anyOf, EmptyFilterError, hasOther, ids, is, oneOf } from "./filter.ts";
import { nothingFound, searchCollection } from "./search.ts";
import { select } from "./select.ts";

test("a filter from an empty list does not compile: to the server it would mean everything", () => {
  for (const compile of [
    () => allOf([]),
    () => allOf([], [is("tenant", "a")]),
    () => anyOf([]),
    () => oneOf("grants", []),
    () => hasOther("labels", []),
    () => ids([]),
  ]) {
    expect(compile).toThrow(EmptyFilterError);
  }
});

test("no list of a compiled filter is empty, whatever is in the request and the policy", () => {
  const visibility = [visibleTo([]), visibleTo([], { knownLabels: [] }), visibleTo([], { deniedLabels: ["l"] })];
  const conditions = [
    {},
    { sources: [], labels: [] },
    { sources: ["wiki"], labels: ["l"], updatedAfter: "2026-01-01" },
  ];
  for (const one of visibility) {
    for (const condition of conditions) {
      for (const eligible of [null, { trust: plainTrust, now: 0 }]) {
        const text = JSON.stringify(select(searchOf(one, { conditions: condition, eligible }), []));
        expect(text).toContain('"tenant"');
        expect(text).not.toContain("[]");
      }
    }
  }
});

test("what selects nothing never reaches the server", async () => {
  const asked: string[] = [];
  const refuse = (what: string) => async (): Promise<never> => {
    asked.push(what);
    throw new Error(`the server was asked: ${what}`);
  };
  const server = { search: refuse("search"), count: refuse("count"), scroll: refuse("scroll") };
  const nobody = { ...plainTrust, sources: new Map() };
  for (const filter of [
    searchOf({ kind: "nothing" }),
    searchOf({ kind: "nothing" }, { eligible: { trust: plainTrust, now: 0 } }),
    searchOf(visibleTo([]), { conditions: { sources: ["elsewhere"] } }),
    searchOf(visibleTo([]), { conditions: { updatedAfter: "not a date" } }),
  ]) {
    const query: IndexQuery = { fingerprint: "f", vector: Float32Array.of(1), terms: ["a"], filter, limit: 1 };
    expect(await searchCollection(server, "c", query, undefined)).toEqual(nothingFound(["a"]));
  }
  expect(asked).toEqual([]);
  expect(select(searchOf(visibleTo([]), { eligible: { trust: nobody, now: 0 } }), [])).toBe("nothing");
  expect(select(searchOf(visibleTo([]), { eligible: { trust: plainTrust, now: Number.NaN } }), [])).toBe("nothing");
});
