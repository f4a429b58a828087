import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import { inPlace } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openDatabase } from "#adapters/sqlite/open.ts";
import type { Access, AccessToken } from "#core/access/acl.ts";
import { compareKeys } from "#core/document.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { IndexAnswer, IndexedGeneration, SearchConditions, SearchFilter, VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Quality } from "#core/trust/quality.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import { keyOf, putOf, searchOf, visibleTo } from "#test/kit/documents.ts";
import { dropCollections, freshPrefix, sayMissing, startQdrant } from "#test/kit/qdrant.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";

/**
 * The same documents in both indexes, one over the ledger's own view and one over copies of it: every caller gets the same answer
 * from both, the statistics included.
 */
const fingerprint = "parity";
const dimensions = 8;
const model = { fingerprint, dimensions };
const now = Date.parse("2026-06-01T00:00:00.000Z");

const words = ["sensor", "battery", "tower", "tide", "gate", "ship"];
const tokens: AccessToken[] = ["everyone", "user:a", "group:g", "group:h"];
const ids = ["a", "b", "c", "d", "e"];
const open = {
  tier: "team",
  minimumTier: "team",
  reviewStates: null,
  maxAgeDays: null,
  requireOwner: false,
  frontMatter: [],
};
const trust: TrustPolicy = {
  tiers: ["reference", "team", "unverified"],
  sources: new Map([
    ["wiki", { ...open, reviewStates: ["approved"], maxAgeDays: 30 }],
    ["handbook", { ...open, tier: "reference", minimumTier: "unverified", requireOwner: true }],
  ]),
  models: new Map(),
};

const mostly = <T>(value: T, others: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, others);
const access: fc.Arbitrary<Access> = fc.record({
  grants: mostly<AccessToken[]>(["everyone"], fc.subarray(tokens)),
  denies: mostly<AccessToken[]>([], fc.subarray(tokens.slice(1))),
  labels: mostly<string[]>([], fc.subarray(["l", "secret"])),
});
const place = fc.record({ source: fc.constantFrom("wiki", "handbook"), id: fc.constantFrom(...ids) });
const quality: fc.Arbitrary<Quality> = fc.record({
  authority: mostly<string | null>(null, fc.constantFrom("reference", "team", "unverified")),
  reviewState: mostly<string | null>("approved", fc.constantFrom("draft", null)),
  updatedAt: mostly<string | null>("2026-05-20T00:00:00.000Z", fc.constantFrom("2026-01-01T00:00:00.000Z", null)),
  expiresAt: mostly<string | null>(null, fc.constantFrom("2026-05-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z")),
  owner: mostly<string | null>("ann", fc.constantFrom(" ", null)),
  supersedes: mostly<{ source: string; id: string }[]>([], fc.array(place, { maxLength: 2 })),
});
const chunk = fc.record({
  words: fc.array(fc.constantFrom(...words), { maxLength: 6 }),
  degrees: fc.integer({ min: 0, max: 170 }),
});
const document = fc.record({
  place,
  tenant: mostly("halden", fc.constant("marlow")),
  access,
  quality,
  chunks: fc.array(chunk, { minLength: 1, maxLength: 3 }),
});
/** Put again, with other content that stays unpublished, or with another access. */
const change = fc.record({ document, isPublished: fc.boolean() });
const question = fc.record({
  tokens: fc.subarray(tokens.slice(1)),
  sources: mostly<string[]>(["wiki", "handbook"], fc.constant(["wiki"])),
  deniedLabels: mostly<string[]>([], fc.constant(["l"])),
  terms: fc.subarray([...words, "absent"]),
  degrees: fc.integer({ min: 0, max: 170 }),
  limit: fc.constantFrom(1, 3, 50),
  isEligible: fc.boolean(),
  conditions: mostly<SearchConditions>(
    {},
    fc.constantFrom({ labels: ["l"] }, { updatedAfter: "2026-03-01" }, { sources: ["wiki"] }),
  ),
});

function direction(degrees: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos((degrees * Math.PI) / 180);
  vector[1] = Math.sin((degrees * Math.PI) / 180);
  return vector;
}

type Document = typeof document extends fc.Arbitrary<infer T> ? T : never;

/** What the worker does, in short. */
async function put(
  ledger: Ledger,
  indexes: readonly VectorIndex[],
  one: Document,
  version: number,
  isPublished: boolean,
) {
  const key = keyOf(one.place.id, one.place.source, one.tenant);
  await ledger.putDocument(putOf(key, { version, access: one.access, quality: one.quality }));
  const [record] = await ledger.read([key]);
  const { wanted, accessRevision = 0, live } = record ?? {};
  if (record === undefined || wanted === undefined) return;
  const ref = { key, generation: wanted.generation, fingerprint, chunkCount: one.chunks.length };
  if (!isPublished) {
    const before = live?.[fingerprint];
    if (before === undefined) return;
    const older = { ...ref, generation: before.generation, chunkCount: before.chunkCount };
    for (const index of indexes) await index.placeAccess?.(older, [record.access, before.access], accessRevision);
    return;
  }
  await ledger.announce(ref);
  for (const index of indexes) {
    await index.write(generationOf(one, ref));
    await index.placeAccess?.(ref, [record.access], accessRevision);
  }
  await ledger.publish({ ...ref, contentVersion: wanted.version, accessRevision });
  for (const index of indexes) await index.withdraw?.(key, ref.generation, fingerprint);
}

function generationOf(one: Document, ref: Pick<IndexedGeneration, "key" | "generation">): IndexedGeneration {
  return {
    ...ref,
    fingerprint,
    quality: one.quality,
    chunks: one.chunks.map((each, number) => {
      const terms = new Map<string, number>();
      for (const word of each.words) terms.set(word, (terms.get(word) ?? 0) + 1);
      const text = each.words.join(" ");
      return {
        chunkId: chunkIdOf(ref.key, ref.generation, number),
        chunk: number,
        text,
        headingPath: [],
        startChar: 0,
        endChar: text.length,
        tokens: each.words.length,
        vector: direction(each.degrees),
        terms,
        termCount: each.words.length,
      };
    }),
  };
}

/** Cosines within single precision, everything else to the last bit. */
function expectSame(copied: IndexAnswer, own: IndexAnswer): void {
  const inOrder = ({ hits }: IndexAnswer) =>
    hits.toSorted((a, b) => compareKeys(a.key, b.key) || a.generation - b.generation || a.chunk - b.chunk);
  const without = (answer: IndexAnswer) => inOrder(answer).map((one) => ({ ...one, similarity: null }));
  expect(without(copied)).toEqual(without(own));
  const cosines = (answer: IndexAnswer) => inOrder(answer).map(({ similarity }) => similarity);
  for (const [at, cosine] of cosines(copied).entries()) expect(cosine).toBeCloseTo(cosines(own)[at] ?? 2, 6);
  expect(copied.exhausted).toBe(own.exhausted);
  expect(copied.statistics.chunks).toBe(own.statistics.chunks);
  expect(copied.statistics.documentFrequency).toEqual(own.statistics.documentFrequency);
  expect(copied.statistics.neighbours ?? -2).toBeCloseTo(own.statistics.neighbours ?? -2, 5);
  // The embedded index takes both over a coarser copy of its vectors.
  expect(Math.abs(copied.statistics.similarity.mean - own.statistics.similarity.mean)).toBeLessThan(0.01);
  expect(Math.abs(copied.statistics.similarity.deviation - own.statistics.similarity.deviation)).toBeLessThan(0.01);
}

const imitation = await imitateQdrant();
const real = await startQdrant();
if (real === undefined) sayMissing("parity of the indexes on a real Qdrant");
afterAll(async () => {
  await imitation.close();
  await real?.stop();
});

for (const { name, url, numRuns } of [
  { name: "imitated", url: imitation.url, numRuns: 60 },
  ...(real === undefined ? [] : [{ name: "a real server", url: real.url, numRuns: 25 }]),
]) {
  describe(`embedded and qdrant, ${name}`, () => {
    test("give every caller the same hits, scores and statistics", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(document, { minLength: 3, maxLength: 9 }),
          fc.array(change, { maxLength: 3 }),
          fc.array(question, { minLength: 4, maxLength: 8 }),
          async (documents, changes, questions) => {
            const prefix = freshPrefix();
            const database = openDatabase(":memory:");
            const ledger = await openSqliteLedger({ database, clock: () => now });
            const own = await openSqliteIndex({ database, live: ledger.live, model, engine: inPlace });
            const copied = await openQdrantIndex({ url, prefix, model });
            const steps = [...documents.map((one) => ({ document: one, isPublished: true })), ...changes];
            for (const [at, step] of steps.entries()) {
              await put(ledger, [own, copied], step.document, at + 1, step.isPublished);
            }
            for (const {
              tokens: mine,
              sources,
              deniedLabels,
              terms,
              degrees,
              limit,
              isEligible,
              conditions,
            } of questions) {
              // One compiled filter, as a caller has it from question to question.
              const visibility = visibleTo(mine, { sources, deniedLabels });
              for (const eligible of isEligible ? [{ trust, now }, null, { trust, now }] : [null]) {
                const filter: SearchFilter = searchOf(visibility, { eligible, conditions });
                const query = { fingerprint, vector: direction(degrees), terms, filter, limit, density: true };
                const expected = await own.search(query);
                expectSame(await copied.search(query), expected);
                const page = { limit: 100 };
                const selected = await own.documents(fingerprint, filter, page);
                expect(await copied.documents(fingerprint, filter, page)).toEqual(selected);
                const all = await own.documents(fingerprint, { ...filter, eligible: null }, page);
                const { chunks } = expected.statistics;
                for (const index of [own, copied]) {
                  expect(await index.holdsBack(fingerprint, filter, chunks)).toBe(selected.length < all.length);
                }
              }
            }
            await own.close();
            database.close();
            if (url === real?.url) await dropCollections(url, prefix);
          },
        ),
        { numRuns, seed: 20_260_601 },
      );
    }, 600_000);
  });
}
