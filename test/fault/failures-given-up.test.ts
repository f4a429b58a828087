import { afterEach, expect, test, vi } from "vitest";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import type { Store } from "#adapters/ledger-redis/store.ts";
import { dimensions, fingerprint, queryFor } from "#test/contract/index/world.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { type EmbeddingsServer, embeddingsServer } from "#test/kit/embeddings-server.ts";
import { gate } from "#test/kit/gate.ts";
import { intercept } from "#test/kit/hold.ts";
import { openWrappedLedger } from "#test/kit/ledger-redis.ts";
import { openAiFor, openAiOn } from "#test/kit/openai.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { describeRedis, startRedis } from "#test/kit/redis.ts";

// A request that is given up ends what it had sent, sends nothing further, and says nothing about the server that it was waiting for.

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const exceeded = { code: "deadline-exceeded" };
const failuresInARow = 3;

async function endpoint(restMs: number) {
  const server = await embeddingsServer();
  closers.push(() => server.stop());
  const { patience } = openAiFor(server);
  const embedder = openAiOn(server, { patience: { ...patience, failures: failuresInARow, attempts: 1, restMs } });
  closers.push(() => embedder.close());
  return { server, embedder };
}

/** Asks, and gives up once the server has the question. */
async function giveUp(server: EmbeddingsServer, embed: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const before = server.requests.length;
  const leaving = new AbortController();
  const asked = embed(leaving.signal).catch((error: unknown) => error);
  await expect.poll(() => server.requests.length).toBe(before + 1);
  leaving.abort();
  expect(await asked).toMatchObject(exceeded);
}

test("questions that are given up open no circuit: the endpoint is asked at once when it is well again", async () => {
  const { server, embedder } = await endpoint(600_000);
  server.mode = "hang";
  for (let round = 0; round < 2 * failuresInARow; round += 1) {
    await giveUp(server, (signal) => embedder.embed(["lamp"], "query", signal));
  }
  server.mode = "floats";
  expect(await embedder.embed(["lamp"], "query")).toHaveLength(1);
});

test("a question that was to look whether the endpoint is back, and is given up, leaves the look to the next one", async () => {
  const { server, embedder } = await endpoint(1);
  server.mode = "error";
  for (let round = 0; round < failuresInARow; round += 1) {
    await expect(embedder.embed(["lamp"], "query")).rejects.toMatchObject({ code: "embedder-unavailable" });
  }
  server.mode = "hang";
  // It rests for a millisecond; whoever comes then looks.
  await expect
    .poll(async () => {
      const leaving = new AbortController();
      const before = server.requests.length;
      const asked = embedder.embed(["lamp"], "query", leaving.signal).catch((error: unknown) => error);
      await Promise.race([asked, vi.waitUntil(() => server.requests.length > before)]);
      leaving.abort();
      return asked;
    })
    .toMatchObject(exceeded);
  server.mode = "floats";
  expect(await embedder.embed(["lamp"], "query")).toHaveLength(1);
});

test("a search that is given up ends its requests, sends no further one, and forgets no collection", async () => {
  const server = await imitateQdrant();
  closers.push(() => server.close());
  const index = await openQdrantIndex({ url: server.url, model: { fingerprint, dimensions } });
  await index.search(queryFor(["lamp"]));
  const searching = gate<string>();
  const held = Promise.withResolvers<undefined>();
  server.intercept = ({ path }) => {
    searching.pass(path);
    return held.promise;
  };
  server.requests.length = 0;
  const leaving = new AbortController();
  const asked = index.search(queryFor(["lamp"]), leaving.signal).catch((error: unknown) => error);
  await searching.first(1);
  leaving.abort();
  expect(await asked).toMatchObject(exceeded);
  await expect(index.search(queryFor(["lamp"]), leaving.signal)).rejects.toMatchObject(exceeded);
  await expect(index.texts(["0"], fingerprint, leaving.signal)).rejects.toMatchObject(exceeded);
  held.resolve(undefined);
  server.intercept = undefined;
  expect((await index.search(queryFor(["lamp"]))).statistics.chunks).toBe(0);
  // A failure would have made it look at the collections again.
  expect(server.requests.filter(({ path }) => path === "/aliases")).toEqual([]);
});

describeRedis("A write on Redis", () => {
  test("that is given up between its read and its write writes nothing, and the same one later does", async () => {
    const redis = await startRedis();
    closers.push(() => redis?.stop());
    const leaving = new AbortController();
    let isGivenUp = false;
    const ledger = await openWrappedLedger(redis, { namespace: `given-up-${process.pid}` }, (store) =>
      intercept<Store>(store, "get", async (call) => {
        const read = await call();
        if (isGivenUp) leaving.abort();
        return read;
      }),
    );
    closers.push(() => ledger.close());
    isGivenUp = true;
    await expect(ledger.putDocument(putOf(keyOf("page")), leaving.signal)).rejects.toMatchObject(exceeded);
    isGivenUp = false;
    expect(await ledger.read([keyOf("page")])).toEqual([undefined]);
    expect((await ledger.putDocument(putOf(keyOf("page")))).outcome).toBe("created");
  });
});
