import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Access, nobody } from "#core/access/acl.ts";
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
import { noQuality } from "./points.ts";
import { openQdrantIndex } from "./qdrant-index.ts";

let server: QdrantImitation;
beforeEach(async () => {
  server = await imitateQdrant();
});
afterEach(() => server.close());

const model = { fingerprint, dimensions };
const everyone: Access = { ...nobody, grants: ["everyone"] };

test("long ids that a document says it replaces make no question longer than the server takes", async () => {
  const index = await openQdrantIndex({ url: server.url, model });
  const words = Array.from({ length: 40 }, (_, at) => `word${at}`);
  for (let at = 0; at < 20; at++) {
    const supersedes = Array.from({ length: 50 }, (_, to) => ({ source: "wiki", id: `${at}-${to}-`.padEnd(512, "x") }));
    const generation = {
      ...generationOf(keyOf(`${at}`), [{ words, vector: direction(10) }]),
      quality: { ...noQuality, supersedes },
    };
    await index.write(generation);
    await index.placeAccess?.({ ...generation, chunkCount: 1 }, [everyone], 1);
  }
  const wiki = { tier: "team", minimumTier: "team", reviewStates: null, maxAgeDays: null, requireOwner: false };
  const trust = { tiers: ["team"], sources: new Map([["wiki", { ...wiki, frontMatter: [] }]]), models: new Map() };
  const filter = { ...caller(), eligible: { trust, now: Date.now() } };
  const { hits } = await index.search(queryFor(words, { filter }));
  expect(hits).toHaveLength(10);
  const longest = Math.max(...server.requests.map(({ body }) => Buffer.byteLength(JSON.stringify(body))));
  expect(longest).toBeLessThan(32 * 1024 * 1024);
  const together = server.requests
    .filter(({ path }) => path.endsWith("/points/query/batch"))
    .reduce((sum, { body }) => sum + Buffer.byteLength(JSON.stringify(body)), 0);
  // What the writers of one source choose costs each term of everybody's question at most this much.
  expect(together).toBeLessThan((words.length + 10) * 2 * 128 * 1024);
});

test("a redirect of the server is an error: neither the key nor anything that is written goes where it leads", async () => {
  const asked: unknown[] = [];
  const elsewhere = createServer((request, reply) => {
    asked.push(request.headers["api-key"]);
    reply.setHeader("content-type", "application/json").end('{"version":"1.19.0"}');
  }).listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const portOf = (one: typeof elsewhere) => {
    const address = one.address();
    return typeof address === "object" ? address?.port : undefined;
  };
  const redirecting = createServer((request, reply) => {
    reply.writeHead(307, { location: `http://127.0.0.1:${portOf(elsewhere)}${request.url}` }).end();
  }).listen(0, "127.0.0.1");
  await once(redirecting, "listening");
  try {
    const opening = openQdrantIndex({ model, url: `http://127.0.0.1:${portOf(redirecting)}`, apiKey: "secret" });
    await expect(opening).rejects.toMatchObject({ code: "index-unavailable" });
    expect(asked).toEqual([]);
  } finally {
    for (const one of [elsewhere, redirecting]) one.close().closeAllConnections();
  }
});
