import { afterEach, beforeEach, expect, test } from "vitest";
import { type Access, nobody } from "#core/access/acl.ts";
import type { IndexedGeneration, VectorIndex } from "#core/ports/index.ts";
import { inverseDocumentFrequency } from "#core/text/bm25.ts";
import {
  caller,
  dimensions,
  direction,
  fingerprint,
  generationOf,
  keyOf,
  queryFor,
} from "#test/contract/index/world.ts";
import {
  type ImitatedCollection,
  imitateQdrant,
  type QdrantAnswer,
  type QdrantImitation,
} from "#test/kit/qdrant-imitation.ts";
import { openQdrantIndex, type QdrantIndexOptions } from "./qdrant-index.ts";
import { pointFormat, searchIndexes } from "./schema.ts";

let server: QdrantImitation;
let index: VectorIndex;
const model = { fingerprint, dimensions };
const open = (more: Partial<QdrantIndexOptions> = {}) => openQdrantIndex({ url: server.url, model, ...more });
beforeEach(async () => {
  server = await imitateQdrant();
  index = await open();
});
afterEach(() => server.close());

const everyone: Access = { ...nobody, grants: ["everyone"] };
const finance: Access = { ...nobody, grants: ["group:finance"] };

async function put(id: string, words: string, degrees: number, access = everyone): Promise<IndexedGeneration> {
  const generation = generationOf(keyOf(id), [{ words: words.split(" "), vector: direction(degrees) }]);
  await index.write(generation);
  await index.placeAccess?.({ ...generation, chunkCount: 1 }, [access], 1);
  return generation;
}

const searchesAsked = () =>
  server.requests
    .filter(({ path }) => path.endsWith("/points/query/batch"))
    .flatMap(({ body }) => body.searches as { filter: unknown; using: string; params: Record<string, unknown> }[]);

test("a server that is older than 1.19, or does not say what it is, is refused", async () => {
  for (const version of ["1.18.9", "1.9.0", "0.11.1", "", "nightly", "1"]) {
    server.version = version;
    await expect(open()).rejects.toMatchObject({ code: "index-unavailable" });
  }
  for (const version of ["1.19.0", "1.19.2-dev", "1.20.1", "2.0.0"]) {
    server.version = version;
    await (await open()).close();
  }
});

test("every field is indexed before the first point comes, and the alias that writers use is made last", async () => {
  const asked = server.requests.map(({ method, path, body }) => [method, path.split("/").at(-1), body.field_name]);
  const indexed = asked.flatMap(([, what, field]) => (what === "index" ? [field] : []));
  expect(indexed).toEqual(expect.arrayContaining(Object.keys(searchIndexes)));
  const lastIndex = asked.findLastIndex(([, what]) => what === "index");
  expect(asked.findLastIndex(([method, what]) => method === "POST" && what === "aliases")).toBeGreaterThan(lastIndex);
  const config = [...server.collections.values()].map((collection) => collection.config);
  for (const { strict_mode_config, shard_number } of config) {
    expect([strict_mode_config, shard_number]).toEqual([
      { enabled: true, unindexed_filtering_retrieve: false, unindexed_filtering_update: false },
      1,
    ]);
  }
  expect(
    server.collections.get([...server.collections.keys()].find((name) => !name.includes("texts")) ?? "")?.indexes
      .tenant,
  ).toEqual({
    type: "keyword",
    is_tenant: true,
  });
});

test("collections that are not as they have to be are refused: a missing index, another one, more shards, a lax mode", async () => {
  const [search] = [...server.collections].filter(([name]) => !name.includes("texts")).map(([, one]) => one);
  if (search === undefined) throw new Error("there is no collection");
  const changes: readonly ((one: ImitatedCollection) => () => void)[] = [
    ...Object.keys(searchIndexes).map((field) => (one: ImitatedCollection) => {
      const before = one.indexes[field];
      delete one.indexes[field];
      return () => {
        if (before !== undefined) one.indexes[field] = before;
      };
    }),
    (one) => {
      one.indexes.tenant = { type: "keyword" };
      return () => {
        one.indexes.tenant = { type: "keyword", is_tenant: true };
      };
    },
    ...[
      ["shard_number", 2],
      ["strict_mode_config", { enabled: true, unindexed_filtering_retrieve: true }],
      ["sparse_vectors", { terms: {} }],
      ["vectors", { dense: { size: dimensions, distance: "Dot" } }],
      ["vectors", { dense: { size: dimensions + 1, distance: "Cosine" } }],
      ["metadata", { fingerprint: "other", format: pointFormat }],
      ["metadata", { fingerprint, format: "1" }],
    ].map(([name, value]) => (one: ImitatedCollection) => {
      const before = one.config[String(name)];
      one.config[String(name)] = value;
      return () => {
        one.config[String(name)] = before;
      };
    }),
  ];
  for (const change of changes) {
    const undo = change(search);
    await expect(open()).rejects.toMatchObject({ code: "index-unavailable" });
    undo();
  }
  const [texts] = [...server.collections].filter(([name]) => name.includes("texts")).map(([, one]) => one.indexes);
  const { embedding } = texts ?? {};
  delete texts?.embedding;
  await expect(open()).rejects.toMatchObject({ code: "index-unavailable" });
  Object.assign(texts ?? {}, { embedding });
  await (await open()).close();
});

test("a write counts only when the server says that it is completed", async () => {
  const generation = generationOf(keyOf("a"), [{ words: ["sensor"], vector: direction(0) }]);
  for (const status of ["acknowledged", "wait_timeout", undefined]) {
    server.intercept = ({ path, method }) =>
      method !== "GET" && !/query|count|scroll|exists/.test(path)
        ? { status: 200, body: { result: { status } } }
        : undefined;
    await expect(index.write(generation)).rejects.toMatchObject({ code: "index-unavailable" });
    await expect(index.placeAccess?.({ ...generation, chunkCount: 1 }, [everyone], 1)).rejects.toMatchObject({
      code: "index-unavailable",
    });
  }
  server.intercept = undefined;
  await put("a", "sensor", 0);
  server.intercept = ({ path }) =>
    path.endsWith("/delete") ? { status: 200, body: { result: { status: "acknowledged" } } } : undefined;
  await expect(index.remove(keyOf("a"), 1, fingerprint)).rejects.toMatchObject({ code: "index-unavailable" });
});

test("points are written and erased by id, each write is waited for, and none replaces a point", async () => {
  const before = server.requests.length;
  await put("a", "sensor", 0);
  await index.withdraw?.(keyOf("a"), 2, fingerprint);
  await index.remove(keyOf("a"), 1, fingerprint);
  const writes = server.requests
    .slice(before)
    .filter(
      ({ method, path }) => (method === "PUT" && path.endsWith("/points")) || /points\/(delete|payload)$/.test(path),
    );
  const [points, erased, set] = [/points$/, /delete$/, /payload$/].map((end) =>
    writes.filter(({ path }) => end.test(path)).map(({ body }) => body),
  );
  expect(points).toEqual([0, 1].map(() => expect.objectContaining({ update_mode: "insert_only" })));
  expect(erased).toEqual([0, 1].map(() => ({ points: [expect.any(String)] })));
  expect(set?.map(({ filter }) => JSON.stringify(filter).includes('"has_id"'))).toEqual([true, true]);
});

test("a vector with a hole, of no length or of the wrong size is refused before anything is sent", async () => {
  const before = server.requests.length;
  for (const vector of [
    new Float32Array(dimensions),
    Float32Array.of(Number.NaN, 1, 0, 0, 0, 0, 0, 0),
    Float32Array.of(Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0),
    new Float32Array(dimensions + 1).fill(1 / Math.sqrt(dimensions + 1)),
  ]) {
    const good = { words: ["sensor"], vector: direction(0) };
    const writing = index.write(generationOf(keyOf("a"), [good, { words: ["sensor"], vector }]));
    await expect(writing).rejects.toMatchObject({ code: "index-unavailable" });
    await expect(index.search(queryFor(["sensor"], { vector }))).rejects.toMatchObject({ code: "index-unavailable" });
  }
  expect(server.requests).toHaveLength(before);
});

test("every search is exact, inside the caller's filter, and takes its idf over that same filter", async () => {
  await put("a", "sensor tower", 10);
  await put("b", "tower", 120);
  await index.search(queryFor(["sensor", "tower", "absent"], { density: true }));
  const asked = searchesAsked();
  const [wide] = asked.map(({ filter }) => filter);
  expect(asked.filter(({ using }) => using === "terms")).toHaveLength(5);
  for (const { filter, using, params } of asked) {
    expect(JSON.stringify(filter)).toMatch(/"tenant"|"has_id"/);
    expect(params).toEqual(using === "terms" ? { idf: { corpus: wide } } : { exact: true });
  }
});

test("50 hidden documents move no visible score, and would if the idf were taken over all", async () => {
  await put("a", "sensor tower", 10);
  await put("b", "tower", 40);
  const query = queryFor(["sensor", "tower"], { density: true });
  const alone = await index.search(query);
  for (let i = 0; i < 50; i++) await put(`hidden${i}`, "tower", 1, finance);
  expect(await index.search(query)).toEqual(alone);
  expect(alone.statistics).toMatchObject({ chunks: 2, documentFrequency: [1, 2] });
  const [both] = alone.hits.filter(({ key }) => key.id === "b");
  expect(both?.bm25).toBeCloseTo((inverseDocumentFrequency(2, 2) * 2.2) / (1 + 1.2 * (0.25 + 0.75 / 100)), 9);
  expect(inverseDocumentFrequency(52, 52)).not.toBeCloseTo(inverseDocumentFrequency(2, 2), 1);
});

test("approximate search is a choice, only above the configured number of visible chunks, and the answer says so", async () => {
  await put("a", "sensor", 10);
  await put("b", "sensor", 20);
  await put("c", "sensor", 30, finance);
  const chosen = await open({ approximateAbove: 2 });
  expect([index.isApproximate, chosen.isApproximate]).toEqual([false, true]);
  expect(await chosen.search(queryFor(["sensor"]))).not.toHaveProperty("approximate");
  const before = searchesAsked().length;
  const wide = await chosen.search(queryFor(["sensor"], { filter: caller("group:finance") }));
  expect(wide.approximate).toBe(true);
  const [first] = searchesAsked().slice(before);
  expect(first?.params).toEqual({ exact: false });
});

test("what the server answers is checked: a wrong shape, a status, no JSON or nothing at all is an outage, never an empty answer", async () => {
  await put("a", "sensor", 0);
  const answers: QdrantAnswer[] = [
    { status: 200, body: { result: [] } },
    { status: 200, body: { result: [{ points: [{ id: "x", score: "high", payload: {} }] }] } },
    { status: 200, body: { result: null } },
    { status: 200, body: "<html>" },
    { status: 200, body: "" },
    { status: 500, body: { status: { error: "boom" } } },
    { status: 404, body: {} },
    { status: 429, body: {} },
  ];
  for (const answer of answers) {
    server.intercept = ({ path }) => (path.endsWith("/batch") ? answer : undefined);
    await expect(index.search(queryFor(["sensor"]))).rejects.toMatchObject({ code: "index-unavailable" });
  }
  server.intercept = () => new Promise(() => {});
  const hasty = openQdrantIndex({ url: server.url, model, timeoutMs: 100 });
  await expect(hasty).rejects.toMatchObject({ code: "index-unavailable", details: { retryAfterS: 1 } });
  server.intercept = undefined;
  expect((await index.search(queryFor(["sensor"]))).hits).toHaveLength(1);
});

test("a server that lost its collections is an outage, and the next write makes them again", async () => {
  const generation = await put("a", "sensor", 0);
  server.forgetEverything();
  for (let again = 0; again < 2; again++) {
    await expect(index.search(queryFor(["sensor"]))).rejects.toMatchObject({ code: "index-unavailable" });
  }
  expect(await index.placeAccess?.({ ...generation, chunkCount: 1 }, [everyone], 2)).toBe(false);
  await put("a", "sensor", 0);
  expect((await index.search(queryFor(["sensor"]))).hits).toHaveLength(1);
});

test("the key goes to the server and nowhere else", async () => {
  const key = "very-secret-key";
  server.version = "1.2.0";
  const failed = await open({ apiKey: key }).catch((error: unknown) => error);
  expect(JSON.stringify([failed, String(failed), String((failed as Error).cause)])).not.toContain(key);
});
