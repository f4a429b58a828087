import { expect, test } from "vitest";
import { measureStack } from "../../bench/stack/measure.ts";
import { leastOf } from "../../bench/stack/raw.ts";
import type { Calls } from "../../bench/stack/record.ts";
import { sayMissing, startQdrant } from "../kit/qdrant.ts";
import { describeRedis } from "../kit/redis.ts";

const qdrant = await startQdrant();
await qdrant?.stop();
if (qdrant === undefined) sayMissing("the bench of the full stack");
// The bench takes nobody's collections for its own, and is the only one to fill its server.
if (qdrant?.isOwn === false)
  process.stderr.write("skipped: the bench of the full stack: QDRANT_URL is in use by others\n");

describeRedis(
  "the bench of the full stack",
  () => {
    test.skipIf(qdrant?.isOwn !== true)(
      "measures every part of a small collection on real servers",
      async () => {
        const sizes = { chunks: 64, questions: 2, revokes: 6, documents: 2, workers: [1, 2] };
        const figures = await measureStack(
          { ...sizes, encoder: "hashed", parts: ["retrieve", "revoke", "workers"] },
          () => {},
        );
        expect(figures.sizes).toMatchObject({ chunks: 64 });
        expect(figures.retrieve?.map(({ percent }) => percent)).toEqual([0.1, 1, 10, 100]);
        for (const row of figures.retrieve ?? []) {
          // A batch for each of the two rounds, and the texts; who is disabled, and the records.
          expect(row.requestsToQdrant).toBeGreaterThanOrEqual(3);
          expect(row.commandsToRedis).toBeGreaterThanOrEqual(2);
          for (const ratio of [row.toCalls, row.toCallsByHttp, row.toLeast, row.toLeastByHttp]) {
            expect(ratio).toBeGreaterThan(0);
          }
        }
        // Whoever sees everything is answered.
        expect(figures.retrieve?.at(-1)?.answered).toBeGreaterThan(0);
        expect(figures.revoke?.acknowledged.p50).toBeGreaterThan(0);
        expect(figures.workers?.map(({ workers, documents }) => [workers, documents])).toEqual([
          [1, 2],
          [2, 2],
        ]);
      },
      240_000,
    );
  },
  { own: true },
);

test("the least of a question's calls are both halves without payload, the largest read of records and the last texts", () => {
  const filter = { must: [{ key: "tenant", match: { value: "one" } }] };
  const idf = { idf: { corpus: filter } };
  const search = (using: string, more: object = {}) => ({ using, filter, limit: 116, with_payload: true, ...more });
  const batch = {
    searches: [
      search("dense"),
      search("terms", { filter: { must: [{ has_id: ["x"] }] }, params: idf }),
      search("terms", { params: idf }),
      { filter, limit: 1_000, with_payload: true },
    ],
  };
  const at = (path: string, body: unknown) => ({ to: "qdrant" as const, path: `/collections/${path}`, body });
  const redis = (...command: string[]) => ({ to: "redis" as const, command });
  const calls: Calls = [
    [redis("evalsha", "…")],
    [at("c/points/query/batch", batch)],
    [redis("MGET", "a"), redis("MGET", "a", "b", "c")],
    [at("c-texts/points", { ids: ["1", "2"] })],
    [at("c-texts/points", { ids: ["1"] })],
  ];
  expect(leastOf(calls)).toEqual([
    [
      at("c/points/query/batch", {
        searches: [
          { using: "dense", filter, limit: 100, with_payload: false },
          { using: "terms", filter, limit: 100, with_payload: false, params: idf },
        ],
      }),
    ],
    [redis("MGET", "a", "b", "c")],
    [at("c-texts/points", { ids: ["1"] })],
  ]);
});
