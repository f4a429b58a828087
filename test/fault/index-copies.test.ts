import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import type { WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import { type DocumentKey, keyString } from "#core/document.ts";
import { documentChanges } from "#core/ingest/changes.ts";
import { makeReconciler } from "#core/ingest/reconciler.ts";
import { makeWorker, type WorkerParts } from "#core/ingest/worker.ts";
import type { IndexAnswer, VectorIndex } from "#core/ports/index.ts";
import { hold, intercept } from "#test/kit/hold.ts";
import { dropCollections, freshPrefix, sayMissing, startQdrant } from "#test/kit/qdrant.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { callerOf, deny, everyone, grant, openTestPolicy, openWorld, type World } from "#test/kit/world.ts";

// An index that keeps copies of access lies beside the ledger and behind it. What a worker does in between can end, or stall, anywhere.

const guest = callerOf("gwen", ["guests"]);
const staff = callerOf("stan", ["staff"]);
const question = "tower code";
const { model } = hashedEmbedder();
const { fingerprint } = model;

const real = await startQdrant();
if (real === undefined) sayMissing("copies of access on a real Qdrant");
const imitation = await imitateQdrant();
let policy: WatchedPolicy;
beforeAll(async () => {
  policy = await openTestPolicy();
});
afterAll(async () => {
  await policy.close();
  await imitation.close();
  await real?.stop();
});

for (const { name, url } of [
  { name: "imitated", url: imitation.url },
  ...(real === undefined ? [] : [{ name: "a real server", url: real.url }]),
]) {
  let world: World;
  let index: VectorIndex;
  let prefix: string;
  /** Every answer of the index, in order. */
  let answers: IndexAnswer[];
  beforeEach(async () => {
    prefix = freshPrefix();
    index = await openQdrantIndex({ url, prefix, model });
    answers = [];
    const searched = new Proxy(index, {
      get: (port, method) => {
        const value: unknown = Reflect.get(port, method, port);
        if (typeof value !== "function") return value;
        if (method !== "search") return value.bind(port);
        return async (query: Parameters<VectorIndex["search"]>[0]) => {
          const answer = await port.search(query);
          answers.push(answer);
          return answer;
        };
      },
    });
    world = await openWorld({ policy, index: searched });
  });
  afterEach(async () => {
    await world.close();
    if (url === real?.url) await dropCollections(url, prefix);
  });

  const page = (version: number, acl = [everyone]) => ({
    id: "page",
    version,
    acl,
    body: `The tower code is number ${version}`,
  });
  const work = (key: DocumentKey, parts: Partial<WorkerParts> = {}) =>
    makeWorker({
      ledger: world.ledger,
      index,
      embedder: hashedEmbedder(),
      clock: () => world.now,
      changes: documentChanges(),
      ...parts,
    })(key);
  const texts = async (caller = guest) => (await world.ask(caller, question)).passages.map(({ text }) => text);
  const found = () => answers.map(({ hits }) => hits.map(({ generation }) => generation));
  const stops = (what: string) => async (): Promise<never> => {
    throw new Error(`killed: ${what}`);
  };

  test(`a document is found once its access is placed and it is live, and its replacement takes its place (${name})`, async () => {
    await world.put(page(1));
    expect(await texts()).toEqual(["The tower code is number 1"]);
    await world.put(page(2));
    answers.length = 0;
    expect(await texts()).toEqual(["The tower code is number 2"]);
    expect(found()).toEqual([[2]]);
  });

  test(`a worker that stalls before it places an access undoes nothing that was placed meanwhile (${name})`, async () => {
    const key = await world.put(page(1));
    await world.share(key, [everyone, grant("group", "guests")]);
    const stalled = hold(index, "placeAccess", "before");
    const late = work(key, { index: stalled.port });
    await stalled.reached;
    await world.share(key, [everyone, deny("group", "guests")]);
    await work(key);
    stalled.release();
    await late;
    answers.length = 0;
    expect([await texts(), await texts(staff)]).toEqual([[], ["The tower code is number 1"]]);
    // Not only dropped by the re-check: it is not even found.
    expect(found()[0]).toEqual([]);
    expect(await world.ledger.lagging(fingerprint, 10, true)).toEqual([]);
  });

  test(`a worker that stalls between writing and placing brings no old access to what another one published (${name})`, async () => {
    const key = await world.accept(page(1));
    const stalled = hold(index, "write", "before");
    const late = work(key, { index: stalled.port });
    await stalled.reached;
    await work(key);
    await world.share(key, [grant("group", "staff")]);
    await work(key);
    stalled.release();
    await late;
    answers.length = 0;
    expect([await texts(), await texts(staff)]).toEqual([[], ["The tower code is number 1"]]);
    expect(found()[0]).toEqual([]);
  });

  test(`a revoke holds from its acknowledgement on, though the copy lags, and the reconciler finds what lags (${name})`, async () => {
    const key = await world.put(page(1));
    await world.share(key, [grant("group", "staff")]);
    expect(await texts()).toEqual([]);
    expect(found()[0]).toEqual([1]);
    const woken: DocumentKey[] = [];
    const reconciler = makeReconciler({
      ledger: world.ledger,
      index,
      queue: {
        wake: async (one) => {
          woken.push(one);
          await work(one);
        },
      },
      fingerprints: () => [fingerprint],
      clock: () => world.now,
      graceMs: 1_000,
      sweepMs: 1e9,
      onError: (error) => {
        throw error;
      },
    });
    expect(await reconciler.sweep()).toEqual({ woken: 1, collected: 0 });
    expect(woken).toEqual([key]);
    answers.length = 0;
    expect(await texts()).toEqual([]);
    expect(found()[0]).toEqual([]);
    expect(await reconciler.sweep()).toEqual({ woken: 0, collected: 0 });
  });

  test(`what is placed and not yet live is left out without a second search (${name})`, async () => {
    const key = await world.put(page(1));
    await world.accept(page(2));
    const killed = intercept(world.ledger, "publish", stops("before the publish"));
    await expect(work(key, { ledger: killed })).rejects.toThrow("killed");
    answers.length = 0;
    expect(await texts()).toEqual(["The tower code is number 1"]);
    expect(found().map((generations) => generations.toSorted())).toEqual([[1, 2]]);
    await work(key);
    expect(await texts()).toEqual(["The tower code is number 2"]);
  });

  test(`what turns out stale after it was placed leaves every search again (${name})`, async () => {
    const key = await world.accept(page(1));
    const stalled = hold(index, "write", "before");
    const late = work(key, { index: stalled.port });
    await stalled.reached;
    await world.put(page(2));
    stalled.release();
    await late;
    answers.length = 0;
    expect(await texts()).toEqual(["The tower code is number 2"]);
    expect(found()).toEqual([[2]]);
  });

  test(`a replaced generation that nobody withdrew costs one more search, and neither an old text nor the answer (${name})`, async () => {
    const key = await world.put(page(1));
    await world.accept(page(2));
    const killed = intercept(index, "withdraw", stops("after the publish"));
    await expect(work(key, { index: killed })).rejects.toThrow("killed");
    answers.length = 0;
    expect(await texts()).toEqual(["The tower code is number 2"]);
    expect(found().map((generations) => generations.toSorted())).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  test(`while newer content waits or has failed, both accesses decide in the index too (${name})`, async () => {
    const key = await world.put(page(1, [grant("group", "staff")]));
    await world.accept({ ...page(2, [grant("group", "guests")]), body: "\u0000\u0001\u0002" });
    const failing = intercept(hashedEmbedder(), "embed", stops("the encoder"));
    await work(key, { embedder: failing }).catch(() => {});
    const both = callerOf("bob", ["staff", "guests"]);
    answers.length = 0;
    expect([await texts(), await texts(staff), await texts(both)]).toEqual([[], [], ["The tower code is number 1"]]);
    expect(found().filter((generations) => generations.length > 0)).toEqual([[1]]);
    expect(await world.ledger.lagging(fingerprint, 10, true)).toEqual([]);
  });

  test(`a deleted document leaves every search when the worker hears of it (${name})`, async () => {
    const key = await world.put(page(1));
    await world.remove(key, 2);
    expect(await texts()).toEqual([]);
    expect(found()[0]).toEqual([1]);
    await work(key);
    answers.length = 0;
    expect(await texts()).toEqual([]);
    expect(found()[0]).toEqual([]);
  });

  test(`a generation that the index lost is written again when its access is brought (${name})`, async () => {
    const key = await world.put(page(1));
    await index.remove(key, 1, fingerprint);
    await world.share(key, [everyone, deny("user", "eve")]);
    await work(key);
    expect(await texts()).toEqual(["The tower code is number 1"]);
  });

  test(`trouble with a copy never makes live content failed (${name})`, async () => {
    const key = await world.put(page(1));
    await world.share(key, [grant("group", "staff")]);
    const broken = intercept(index, "placeAccess", stops("the index"));
    await expect(work(key, { index: broken })).rejects.not.toHaveProperty("generation");
    const [record] = await world.ledger.read([key]);
    expect([record?.failure, keyString(record?.key ?? key)]).toEqual([undefined, keyString(key)]);
  });

  test(`a deployment that chose approximate search says on every answer that non-interference is statistical (${name})`, async () => {
    await world.put(page(1));
    expect(await world.ask(guest, question)).not.toHaveProperty("non_interference");
    const approximate = await openQdrantIndex({ url, prefix: `${prefix}-approximate`, model, approximateAbove: 1_000 });
    const other = await openWorld({ policy, index: approximate });
    await other.put(page(1));
    for (const [asked, outcome] of [
      [question, "answered"],
      ["nothing of the kind", "abstained"],
    ] as const) {
      expect(await other.ask(guest, asked)).toMatchObject({ outcome, non_interference: "statistical" });
    }
    await other.close();
  });

  test(`a generation that is published while its model is given up can go live when the model comes back (${name})`, async () => {
    const key = await world.accept(page(1));
    const stalled = hold(world.ledger, "publish", "before");
    const late = work(key, { ledger: stalled.port });
    await stalled.reached;
    await world.ledger.retireOthers([], 10);
    stalled.release();
    await late;
    expect(await texts()).toEqual([]);
    await work(key);
    expect(await texts()).toEqual(["The tower code is number 1"]);
  });
}
