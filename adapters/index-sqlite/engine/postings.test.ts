import * as fc from "fast-check";
import { expect, test } from "vitest";
import { termBytes } from "./packed.ts";
import { Postings } from "./postings.ts";

const add = (postings: Postings, slot: number, term: string, frequency: number): void => {
  const bytes = termBytes(term);
  postings.add(slot, bytes, 0, bytes.length, frequency);
};

const sorted = (pairs: Int32Array): [number, number][] =>
  Array.from({ length: pairs.length / 2 }, (_, i): [number, number] => [
    pairs[2 * i] ?? 0,
    pairs[2 * i + 1] ?? 0,
  ]).toSorted(([a], [b]) => a - b);

test("postings hold what was added, and without removed slots what is left, whatever the number of terms and of chunks", () => {
  const step = fc.record({
    term: fc.oneof(fc.constantFrom("a", "b", ""), fc.integer({ max: 2_000, min: 0 }).map(String)),
    repeat: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 600 })),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 2, max: 5 }),
      fc.nat(60),
      (steps, every, first) => {
        const postings = new Postings();
        const expected = new Map<string, [number, number][]>();
        let slot = 0;
        for (const [at, { term, repeat }] of steps.entries()) {
          // What came before is put in order by counting, the rest goes behind it.
          if (at === first) postings.settle();
          for (let i = 0; i < repeat; i++) {
            slot += 1;
            add(postings, slot, term, (slot % 5) + 1);
            expected.set(term, [...(expected.get(term) ?? []), [slot, (slot % 5) + 1]]);
          }
        }
        postings.settle();
        const removed = new Set(Array.from({ length: slot + 1 }, (_, one) => one).filter((one) => one % every === 0));
        const kept = postings.without(removed);
        for (const [term, pairs] of expected) {
          expect(sorted(postings.of(term))).toEqual(pairs);
          expect(sorted(kept.of(term))).toEqual(pairs.filter(([one]) => !removed.has(one)));
        }
        add(kept, slot + 1, "a", 7);
        expect(sorted(kept.of("a")).at(-1)).toEqual([slot + 1, 7]);
        expect(postings.terms).toBe(expected.size);
        expect(kept.terms).toBeLessThanOrEqual(expected.size + 1);
        expect([...postings.of("never")]).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});
