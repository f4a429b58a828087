import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareKeys, type DocumentKey } from "#core/document.ts";
import {
  fromSortable,
  generationName,
  generationOfName,
  isNameable,
  keyOfName,
  lexRange,
  nameOf,
  toSortable,
} from "./names.ts";

/** Text in which the characters where UTF-8 and UTF-16 disagree, and the escape itself, are frequent. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\ud7fe",
        "\ud7ff",
        "\ud800",
        "\udbff",
        "\udc00",
        "\udfff",
        "\ue000",
        "\uffff",
        "\u0001",
        "\u0100",
      ),
      fc.constantFrom("\0", ",", "-", "a", "\u{1f600}", "\u{10ffff}"),
      fc.string({ unit: "binary", maxLength: 1 }),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""));
const name = fc.constantFrom("a", "a-b", "a.b", "A", "wiki", "0");
const key: fc.Arbitrary<DocumentKey> = fc.record({ tenant: name, source: name, id: text });
const sign = (number: number): number => Math.sign(number);

test("names sort by their bytes as compareKeys does, for every id there can be", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(sign(Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b))))).toBe(compareKeys(a, b));
    }),
    { numRuns: 2_000 },
  );
});

test("a key, and a generation, can be read from its name", () => {
  fc.assert(
    fc.property(key, fc.nat(), (one, generation) => {
      expect(keyOfName(nameOf(one))).toEqual(one);
      const ref = { key: one, generation, fingerprint: "provider:model 384" };
      expect(generationOfName(generationName(ref))).toEqual(ref);
      expect(fromSortable(Buffer.from(toSortable(one.id)).toString())).toBe(one.id);
    }),
    { numRuns: 1_000 },
  );
});

test("a page begins behind a key and stays within its tenant and source", () => {
  fc.assert(
    fc.property(
      fc.array(key, { maxLength: 20 }),
      name,
      fc.option(name, { nil: undefined }),
      fc.option(key, { nil: undefined }),
      (keys, tenant, source, after) => {
        const { min, max } = lexRange(tenant, source, after);
        const bytes = (bound: string) => Buffer.from(bound.slice(1));
        const selected = keys.filter((one) => {
          const low = Buffer.compare(Buffer.from(nameOf(one)), bytes(min));
          return (min.startsWith("(") ? low > 0 : low >= 0) && Buffer.compare(Buffer.from(nameOf(one)), bytes(max)) < 0;
        });
        const meant = keys.filter(
          (one) =>
            one.tenant === tenant &&
            (source === undefined || one.source === source) &&
            (after === undefined || compareKeys(one, { ...after, tenant }) > 0),
        );
        expect(selected).toEqual(meant);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("what is not a tenant's or source's name is no document's", () => {
  for (const bad of ["", "a,b", "é", "a b", "\0"]) {
    expect(isNameable({ tenant: bad, source: "wiki", id: "a" })).toBe(false);
    expect(() => nameOf({ tenant: "halden", source: bad, id: "a" })).toThrow(RangeError);
  }
});
