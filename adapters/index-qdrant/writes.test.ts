import { afterEach, beforeEach, expect, test } from "vitest";
import { type Access, type AccessToken, nobody } from "#core/access/acl.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import {
  caller,
  dimensions,
  direction,
  fingerprint,
  generationOf,
  keyOf,
  queryFor,
} from "#test/contract/index/world.ts";
import { imitateQdrant, type QdrantImitation } from "#test/kit/qdrant-imitation.ts";
import { openQdrantIndex } from "./qdrant-index.ts";
import { sizeProbe } from "./terms.ts";

let server: QdrantImitation;
let index: VectorIndex;
beforeEach(async () => {
  server = await imitateQdrant();
  index = await openQdrantIndex({ url: server.url, model: { fingerprint, dimensions } });
});
afterEach(() => server.close());

const everyone: Access = { ...nobody, grants: ["everyone"] };
const finance: Access = { ...nobody, grants: ["group:finance"] };
const hr: Access = { ...nobody, grants: ["group:hr"] };

const chunks = [0, 1, 2].map((i) => ({ words: ["sensor"], vector: direction(10 * i) }));
const write = (generation = 1) => index.write(generationOf(keyOf("a"), chunks, generation));
const place = (access: readonly [Access, ...Access[]], revision: number, generation = 1) =>
  index.placeAccess?.({ key: keyOf("a"), generation, fingerprint, chunkCount: 3 }, access, revision);
const seen = async (...tokens: AccessToken[]) =>
  (await index.search(queryFor(["sensor"], { filter: caller(...tokens) }))).hits.map(({ generation }) => generation);
/** Points of documents in each collection. */
const pointCounts = () =>
  [...server.collections.values()].map(({ points }) => [...points.keys()].filter((id) => id !== sizeProbe.id).length);

test("what was written and not placed is in nobody's search and in no statistic", async () => {
  await write();
  expect((await index.search(queryFor(["sensor"]))).statistics).toMatchObject({ chunks: 0, documentFrequency: [0] });
  expect(await place([everyone], 1)).toBe(true);
  expect(await seen()).toEqual([1, 1, 1]);
});

test("an older revision undoes nothing, in whichever order the two come", async () => {
  await write();
  expect(await place([finance], 7)).toBe(true);
  expect(await place([everyone], 6)).toBe(true);
  expect(await place([hr], 7)).toBe(true);
  expect([await seen(), await seen("group:hr"), await seen("group:finance")]).toEqual([[], [], [1, 1, 1]]);
  expect(await place([hr], 8)).toBe(true);
  expect([await seen("group:hr"), await seen("group:finance")]).toEqual([[1, 1, 1], []]);
});

test("writing a generation again leaves the copy of its access as it is", async () => {
  await write();
  await place([finance], 3);
  await write();
  expect(await place([everyone], 2)).toBe(true);
  expect([await seen(), await seen("group:finance")]).toEqual([[], [1, 1, 1]]);
});

test("two accesses both have to let the caller in, whatever one of them denies or names", async () => {
  await write();
  await place([finance, hr], 1);
  expect([await seen("group:finance"), await seen("group:hr"), await seen("group:hr", "group:finance")]).toEqual([
    [],
    [],
    [1, 1, 1],
  ]);
  await place([everyone, { ...everyone, denies: ["user:eve"] }], 2);
  expect([await seen(), await seen("user:eve")]).toEqual([[1, 1, 1], []]);
  await place([everyone, { ...everyone, labels: ["secret"] }], 3);
  expect(await seen()).toEqual([]);
  await place([everyone, nobody], 4);
  expect(await seen()).toEqual([]);
});

test("a generation that is gone, or not whole, is said to be", async () => {
  expect(await place([everyone], 1)).toBe(false);
  await write();
  const [first] = generationOf(keyOf("a"), chunks).chunks;
  for (const { points } of server.collections.values()) points.delete(first?.chunkId ?? "");
  expect(await place([everyone], 1)).toBe(false);
  await write();
  expect(await place([everyone], 1)).toBe(true);
  expect(await seen()).toEqual([1, 1, 1]);
});

test("withdrawn generations stay out of searches for good, and their texts stay readable until they are removed", async () => {
  await write(1);
  await place([everyone], 1, 1);
  await write(2);
  await place([everyone], 1, 2);
  await index.withdraw?.(keyOf("a"), 2, fingerprint);
  expect(await place([everyone], 9, 1)).toBe(true);
  expect(await seen()).toEqual([2, 2, 2]);
  const ids = generationOf(keyOf("a"), chunks).chunks.map(({ chunkId }) => chunkId);
  expect((await index.texts(ids, fingerprint)).size).toBe(3);
  await index.remove(keyOf("a"), 1, fingerprint);
  expect((await index.texts(ids, fingerprint)).size).toBe(0);
  expect(pointCounts()).toEqual([3, 3]);
});

test("an erasure that ended in the middle is completed by the next, and leaves no text behind", async () => {
  await write();
  server.intercept = ({ path }) =>
    path.endsWith("/delete") && !path.includes("texts") ? { status: 500, body: {} } : undefined;
  await expect(index.remove(keyOf("a"), 1, fingerprint)).rejects.toMatchObject({ code: "index-unavailable" });
  server.intercept = undefined;
  await index.remove(keyOf("a"), 1, fingerprint);
  expect(pointCounts()).toEqual([0, 0]);
});

test("a write that ended in the middle leaves nothing that an erasure would not find", async () => {
  server.intercept = ({ path, method }) =>
    method === "PUT" && path.includes("texts/points") ? { status: 500, body: {} } : undefined;
  await expect(write()).rejects.toMatchObject({ code: "index-unavailable" });
  server.intercept = undefined;
  await index.remove(keyOf("a"), 1, fingerprint);
  expect(pointCounts()).toEqual([0, 0]);
});
