import * as fc from "fast-check";
import { expect, test } from "vitest";
import { inPlace } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import { ContractLive, dimensions, fingerprint, generationOf, keyOf, queryFor } from "#test/contract/index/world.ts";

const vector = fc
  .array(fc.integer({ min: -9, max: 9 }), { minLength: dimensions, maxLength: dimensions })
  .filter((numbers) => numbers.some((value) => value !== 0))
  .map((numbers) => {
    const length = Math.hypot(...numbers);
    return Float32Array.from(numbers, (value) => value / length);
  });
const words = fc.array(fc.constantFrom("sensor", "battery", "holiday", "salary", "water"), {
  minLength: 1,
  maxLength: 12,
});
const chunks = fc.array(fc.record({ words, vector }), { minLength: 1, maxLength: 4 });
const visible = fc.uniqueArray(fc.record({ id: fc.integer({ min: 0, max: 99 }).map((id) => `v${id}`), chunks }), {
  selector: ({ id }) => id,
  maxLength: 8,
});
const hidden = fc.array(
  fc.record({
    id: fc.integer({ min: 0, max: 9 }).map((id) => `h${id}`),
    chunks,
    fate: fc.constantFrom("secret", "other tenant", "unpublished", "removed", "old generation"),
  }),
  { maxLength: 12 },
);
type Hidden = { readonly id: string; readonly chunks: Parameters<typeof generationOf>[1]; readonly fate: string };

/** Writes a document that the caller must not notice. */
async function hide(index: VectorIndex, live: ContractLive, item: Hidden, number: number): Promise<void> {
  const key = keyOf(item.id, item.fate === "other tenant" ? "marlow" : "halden");
  const generation = number + 1;
  await index.write(generationOf(key, item.chunks, generation));
  if (item.fate === "secret") live.publish(key, generation, ["group:finance"]);
  if (item.fate === "other tenant") live.publish(key, generation);
  if (item.fate === "old generation") live.publish(key, generation + 1_000);
  if (item.fate === "removed") await index.remove(key, generation, fingerprint);
}

test("an answer is the same to the last bit whatever hidden documents, order or slots surround the visible ones", async () => {
  await fc.assert(
    fc.asyncProperty(
      visible,
      hidden,
      hidden,
      vector,
      fc.uniqueArray(fc.constantFrom("sensor", "battery", "salary", "absent")),
      fc.integer({ min: 1, max: 6 }),
      async (seen, before, between, query, terms, limit) => {
        const answer = async (crowded: boolean): Promise<string> => {
          const database = openDatabase(":memory:");
          const live = new ContractLive();
          const model = { fingerprint, dimensions };
          const index = await openSqliteIndex({ database, live, model, engine: inPlace });
          const order = crowded ? seen.toReversed() : seen;
          if (crowded) for (const [number, item] of before.entries()) await hide(index, live, item, number);
          for (const [at, item] of order.entries()) {
            const other = between[at];
            if (crowded && other !== undefined) await hide(index, live, other, 100 + at);
            await index.write(generationOf(keyOf(item.id), item.chunks));
            live.publish(keyOf(item.id));
          }
          const found = JSON.stringify(await index.search(queryFor(terms, { vector: query, limit, density: true })));
          const again = await openSqliteIndex({ database, live, model, engine: inPlace });
          expect(JSON.stringify(await again.search(queryFor(terms, { vector: query, limit, density: true })))).toBe(
            found,
          );
          await Promise.all([index.close(), again.close()]);
          database.close();
          return found;
        };
        expect(await answer(true)).toBe(await answer(false));
      },
    ),
    { numRuns: 200 },
  );
});
