import { describe, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import type { ServiceConfig } from "#services/config.ts";
import { type TestEncoder, testEncoder } from "#test/kit/encoder.ts";
import { type EmbeddingStatus, pinnedDeployment } from "#test/kit/pinned-deployment.ts";
import { openStacks } from "#test/kit/stacks.ts";

// A deployment that changes its embedding model, over HTTP and through restarts.

const stacks = await openStacks("a change of the model", ["embedded", "full"]);

const [a, b] = ["fingerprint-a", "fingerprint-b"];
const lamp = "what burns in the lamp of the lighthouse";

describe.for(stacks)("$name", (stack) => {
  const deployment = (overrides?: Partial<ServiceConfig>) => pinnedDeployment(stack, overrides);

  type House = Awaited<ReturnType<typeof deployment>>;

  const missing = ({ encoders }: EmbeddingStatus, fingerprint: string) =>
    encoders.find((encoder) => encoder.fingerprint === fingerprint)?.missing;

  async function filled(house: House): Promise<void> {
    await house.put("lamp", "The lamp of the lighthouse burns amber");
    await house.put("mast", "The mast of the ship is made of larch");
    await house.put("dunes", "Nobody walks in the dunes, because of the quicksand there");
  }

  /** Every question so far was asked of one fingerprint, with a vector of its own encoder. */
  async function expectOneSpace(house: House, encoders: readonly TestEncoder[]) {
    expect(house.searched.length).toBeGreaterThan(0);
    for (const { fingerprint, vector } of house.searched.splice(0)) {
      const own = encoders.find((encoder) => encoder.model.fingerprint === fingerprint);
      const [expected] = (await own?.embed([lamp], "query")) ?? [];
      expect([...vector]).toEqual([...(expected ?? [])]);
    }
  }

  test("with the previous encoder there is no gap: answers come from the active model alone until the other one lacks nothing", async () => {
    const house = await deployment();
    const [first, second] = [testEncoder("a", 0), testEncoder("b", 101)];
    await house.start(first);
    await filled(house);
    const before = await house.ask(lamp);
    expect(before.body).toMatchObject({ outcome: "answered", versions: { index: `1-${a}` } });

    second.down.add("quicksand");
    await house.start(second, first);
    await house.until(async () => missing(await house.status(), b) === 1);
    expect((await house.ready()).body).toMatchObject({ status: "ready", codes: ["policy-untested"] });
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered", passages: before.body.passages });
    expect(await house.status()).toMatchObject({ active_fingerprint: a, encoders: [{ missing: 0 }, { missing: 1 }] });

    // What is written meanwhile is in both when the wait is over, and what is taken away is gone in both.
    expect(await house.put("rope", "The rope on the pier is forty metres long")).toMatchObject({
      status: 200,
      body: { document: { state: "searchable" } },
    });
    expect(Object.keys(await house.live("rope")).toSorted()).toEqual([a, b]);
    await house.call("wendy", "writers", "PUT", "/v1/documents/open/mast/acl", { acl: [], labels: [] });
    await house.call("wendy", "writers", "PUT", "/v1/documents/open/dunes/acl", { acl: [], labels: [] });
    expect(Object.values(await house.live("mast")).map(({ access }) => access)).toEqual([nobody, nobody]);
    house.searched.length = 0;

    // No moment without an answer, whichever of the two gives it.
    second.down.clear();
    const spaces = new Set<string>();
    await house.until(async () => {
      const { status, body } = await house.ask(lamp);
      expect({ status, outcome: body.outcome }).toEqual({ status: 200, outcome: "answered" });
      expect(body.passages?.length).toBe(before.body.passages?.length);
      spaces.add(body.versions?.index ?? "");
      return spaces.has(`1-${b}`);
    });
    expect(await house.status()).toMatchObject({ active_fingerprint: b, encoders: [{ missing: 0 }, { missing: 0 }] });
    await expectOneSpace(house, [first, second]);
    for (const query of ["the mast of the ship is made of larch", "nobody walks in the dunes quicksand"]) {
      const { body } = await house.ask(query);
      expect(JSON.stringify(body)).not.toMatch(/larch|quicksand/);
    }
    expect(Object.values(await house.live("dunes")).map(({ access }) => access)).toEqual([nobody, nobody]);

    // The way back, at once, with what was written since.
    await house.put("keel", "The keel of the barge is painted green");
    await house.start(first, second);
    expect((await house.ask("what colour is the keel of the barge")).body).toMatchObject({
      outcome: "answered",
      versions: { index: `1-${a}` },
    });

    // And the end of it.
    expect(await house.stored("lamp", b)).toBe(true);
    await house.start(first);
    await house.until(async () => !Object.keys(await house.live("lamp")).includes(b));
    await house.until(async () => !(await house.stored("lamp", b)));
    expect(await house.stored("lamp", a)).toBe(true);
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered" });
  });

  test("without the previous encoder nothing is answered until the new model lacks nothing, and then from it alone", async () => {
    const house = await deployment();
    const [first, second] = [testEncoder("a", 0), testEncoder("b", 101)];
    await house.start(first);
    await filled(house);
    second.down.add("quicksand");
    await house.start(second);
    await house.until(async () => missing(await house.status(), b) === 1);
    expect(await house.ready()).toMatchObject({
      status: 503,
      body: { status: "not-ready", codes: ["policy-untested", "reindexing"] },
    });
    const refused = await house.call("gwen", "guests", "POST", "/v1/retrieve", { query: lamp });
    expect(refused).toMatchObject({ status: 503, body: { code: "reindexing" } });
    expect(refused.headers.get("retry-after")).toBe("30");
    expect((await house.put("rope", "The rope on the pier is forty metres long")).body).toMatchObject({
      document: { state: "indexing" },
    });
    expect(Object.keys(await house.live("rope"))).toEqual([b]);

    // The old encoder finds its own again, and what was written meanwhile as well.
    await house.start(first);
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered", versions: { index: `1-${a}` } });
    await house.until(async () => Object.keys(await house.live("rope")).includes(a));

    await house.start(second);
    expect((await house.ask(lamp)).body).toMatchObject({ code: "reindexing" });
    second.down.clear();
    await house.until(async () => (await house.ready()).status === 200);
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered", versions: { index: `1-${b}` } });
    await house.until(async () => !Object.keys(await house.live("lamp")).includes(a));
    await house.until(async () => !(await house.stored("lamp", a)));
    await expectOneSpace(house, [first, second]);
  });

  test("a model that gives other vectors than it did answers nothing and indexes nothing", async () => {
    const house = await deployment();
    await house.start(testEncoder("a", 0));
    await filled(house);
    await house.start(testEncoder("a", 3));
    expect(await house.ready()).toMatchObject({ status: 503, body: { codes: ["policy-untested", "embedding-drift"] } });
    expect(await house.ask(lamp)).toMatchObject({ status: 503, body: { code: "embedder-unavailable" } });
    expect((await house.status()).encoders).toMatchObject([{ probes: { state: "drifted" } }]);
    await house.put("rope", "The rope on the pier is forty metres long", 1, false);
    await house.start(testEncoder("a", 0));
    expect((await house.ready()).status).toBe(200);
    await house.until(async () => (await house.ask("the rope on the pier")).body.outcome === "answered");
  });

  test("from the hashed encoder to the sentence encoder and back, by the settings", async () => {
    const house = await deployment();
    await house.start();
    await filled(house);
    const hashed = (await house.status()).active_fingerprint;
    await house.start(undefined, undefined, { embedder: "minilm", previousEmbedder: "hashed" });
    await house.until(async () => {
      expect(await house.ask(lamp)).toMatchObject({ status: 200, body: { outcome: "answered" } });
      return (await house.status()).active_fingerprint !== hashed;
    });
    expect((await house.ask("the light is of which colour")).body).toMatchObject({
      versions: { embedding_model: "local/all-minilm-l6-v2-int8" },
    });
    await house.start(undefined, undefined, { embedder: "hashed", previousEmbedder: "minilm" });
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered", versions: { index: `1-${hashed}` } });
    await house.start(undefined, undefined, { embedder: "minilm" });
    expect((await house.status()).active_fingerprint).not.toBe(hashed);
    expect((await house.ask(lamp)).body).toMatchObject({ outcome: "answered" });
  }, 60_000);
});
