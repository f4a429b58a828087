import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { ForeignCollections } from "#adapters/index-qdrant/collections.ts";
import { openQdrantIndex } from "#adapters/index-qdrant/qdrant-index.ts";
import { nobody } from "#core/access/acl.ts";
import type { IndexQuery } from "#core/ports/index.ts";
import type { AdapterNames } from "#services/adapter-settings.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { keyOf, searchOf, visibleTo } from "#test/kit/documents.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { dropCollections, sayMissing, startQdrant } from "#test/kit/qdrant.ts";
import { imitateQdrant } from "#test/kit/qdrant-imitation.ts";
import { until } from "#test/kit/until.ts";

// The index can be lost, in whole or in part, while the ledger is not: a disk that went, an old copy of it that came back. It is made again from the
// ledger alone, and until it is whole nobody is told that there is no answer.

const question = "what burns in the lamp";
const { model } = hashedEmbedder();

const real = await startQdrant({ own: true });
if (real === undefined) sayMissing("a lost index on a real Qdrant");
const imitation = await imitateQdrant();
afterAll(async () => {
  await imitation.close();
  await real?.stop();
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Asked {
  readonly status: number;
  readonly body: { readonly outcome?: string; readonly code?: string };
}

for (const { name, url } of [
  { name: "imitated", url: imitation.url },
  ...(real === undefined ? [] : [{ name: "a real server", url: real.url }]),
]) {
  let dataDir: string;
  let policyDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "reticent-lost-"));
    closers.push(() => rm(dataDir, { recursive: true, force: true }));
    const folder = policyFolder(testPolicy);
    closers.push(() => folder.remove());
    policyDir = folder.dir;
    await loseAll();
    closers.push(loseAll);
  });

  const loseAll = async (): Promise<void> => {
    if (url === imitation.url) imitation.forgetEverything();
    else await dropCollections(url, "reticent");
  };

  /** Asks the server itself, past the index. */
  const qdrant = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { result: unknown }).result;
  };
  const collections = async (): Promise<readonly string[]> =>
    ((await qdrant("GET", "/aliases")) as { aliases: { alias_name: string }[] }).aliases.map((one) => one.alias_name);

  async function start(adapters: Partial<AdapterNames> = {}) {
    const service = await startService(
      defaultConfig({
        embedder: "hashed",
        port: 0,
        dataDir,
        policyDir,
        logLevel: "silent",
        sweepMs: 25,
        adapters: { ledger: "sqlite", index: "qdrant", queue: "local", traces: "sqlite", ...adapters },
        qdrant: { url, namespace: "reticent", exactChunks: 1_000, isApproximateAllowed: false },
      }),
    );
    const call = async (user: string, group: string, method: string, path: string, body?: unknown): Promise<Asked> => {
      const claims = { tenant: "one", user, groups: [group], agents: [], ttlS: 600, audience: "reticent" };
      const authorization = `Bearer ${await signToken({ dataDir, ...claims })}`;
      const headers = { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) };
      const sent = body === undefined ? null : JSON.stringify(body);
      const answer = await fetch(`${service.url}${path}`, { method, headers, body: sent });
      return { status: answer.status, body: (await answer.json()) as Asked["body"] };
    };
    const running = {
      close: () => service.close(),
      put: (id: string, text: string) =>
        call("wendy", "writers", "PUT", `/v1/documents/open/${id}?wait=true`, {
          version: 1,
          title: id,
          content_type: "text/plain",
          body: text,
          acl: [{ access_type: "grant", type: "everyone" }],
        }),
      ask: (query = question) => call("gwen", "guests", "POST", "/v1/retrieve", { query }),
    };
    closers.push(() => service.close());
    return running;
  }

  /** Asks until there is an answer: whatever comes before it has to be a refusal. */
  async function answeredAgain(service: { ask(): Promise<Asked> }): Promise<readonly string[]> {
    const codes: string[] = [];
    await until(async () => {
      const { status, body } = await service.ask();
      // Also an abstention is told here, as what it is.
      if (body.outcome !== "answered") codes.push(body.code ?? String(body.outcome));
      return status === 200;
    });
    return codes;
  }

  const filled = async () => {
    const service = await start();
    await until(async () => (await service.ask()).status === 200);
    expect((await service.put("lamp", "Whale oil burns in the lamp of the lighthouse.")).status).toBe(200);
    expect((await service.put("tower", "The tower has two hundred steps.")).status).toBe(200);
    expect((await service.ask()).body.outcome).toBe("answered");
    return service;
  };

  test(`an index that is lost under a running service is filled again from the ledger, and refused until then (${name})`, async () => {
    const service = await filled();
    await loseAll();
    for (const code of await answeredAgain(service)) expect(["index-unavailable", "reindexing"]).toContain(code);
  });

  test(`an index that is empty at the start is filled from the ledger alone, and refused until then (${name})`, async () => {
    await (await filled()).close();
    await loseAll();
    const service = await start();
    for (const code of await answeredAgain(service)) expect(code).toBe("reindexing");
    expect((await service.ask("how many steps has the tower")).body.outcome).toBe("answered");
  });

  test(`a service that goes over from the embedded index fills the new one from its ledger, and refuses until then (${name})`, async () => {
    const before = await start({ index: "sqlite" });
    await before.put("lamp", "Whale oil burns in the lamp of the lighthouse.");
    await before.close();
    for (const code of await answeredAgain(await start())) expect(code).toBe("reindexing");
  });

  test(`points and texts that went missing one by one are found missing, and written again (${name})`, async () => {
    const service = await filled();
    for (const collection of await collections()) {
      const { points } = (await qdrant("POST", `/collections/${collection}/points/scroll`, { limit: 100 })) as {
        points: { id: string }[];
      };
      expect(points.length).toBeGreaterThanOrEqual(2);
      await qdrant("POST", `/collections/${collection}/points/delete?wait=true`, {
        points: points.map(({ id }) => id),
      });
      const count = async () =>
        ((await qdrant("POST", `/collections/${collection}/points/scroll`, { limit: 100 })) as { points: unknown[] })
          .points.length;
      await until(async () => (await count()) === points.length);
    }
    await until(async () => (await service.ask()).body.outcome === "answered");
  });

  test(`a copy of access that went back in time is found and brought up to date (${name})`, async () => {
    const service = await filled();
    const ofTenant = { must: [{ key: "tenant", match: { value: "one" } }] };
    const [search = ""] = (await collections()).filter((one) => !one.endsWith("texts"));
    const { points } = (await qdrant("POST", `/collections/${search}/points/scroll`, {
      limit: 100,
      filter: ofTenant,
    })) as {
      points: { id: string }[];
    };
    const ids = points.map(({ id }) => id);
    await qdrant("POST", `/collections/${search}/points/payload?wait=true`, {
      payload: { grants: [], access_revision: 0 },
      filter: { must: [{ has_id: ids }] },
    });
    await until(async () => (await service.ask()).body.outcome === "answered");
    const placed = (await qdrant("POST", `/collections/${search}/points/scroll`, {
      limit: 100,
      filter: ofTenant,
      with_payload: { include: ["grants", "access_revision"] },
    })) as {
      points: { payload: object }[];
    };
    for (const { payload } of placed.points)
      expect(payload).toMatchObject({ grants: ["everyone"], access_revision: 1 });
  });

  test(`without the wait, the same empty index would say that it found nothing (${name})`, async () => {
    const prefix = "reticent-alone";
    const key = keyOf("page");
    const query: IndexQuery = {
      fingerprint: model.fingerprint,
      vector: await hashedEmbedder()
        .embed(["lamp"], "query")
        .then(([vector]) => vector ?? new Float32Array()),
      terms: ["lamp"],
      filter: searchOf(visibleTo(["everyone"])),
      limit: 5,
    };
    const waiting = await openQdrantIndex({ url, prefix, model, awaitsFill: true });
    const hasty = await openQdrantIndex({ url, prefix, model });
    await expect(waiting.search(query)).rejects.toMatchObject({ code: "reindexing" });
    expect((await hasty.search(query)).hits).toEqual([]);
    // Neither what another instance was told, nor what was written into it, opens this one.
    await waiting.filled?.(model.fingerprint, "another/instance");
    await expect(waiting.search(query)).rejects.toMatchObject({ code: "reindexing" });
    const { instance = "" } = (await waiting.stand?.(model.fingerprint)) ?? {};
    await waiting.filled?.(model.fingerprint, instance);
    expect((await waiting.search(query)).hits).toEqual([]);
    const noted = { key, generation: 1, fingerprint: model.fingerprint, chunkCount: 1, accessRevision: 1 };
    expect(await waiting.lacking?.(model.fingerprint, [noted])).toEqual([noted]);
    expect(await waiting.placeAccess?.(noted, [nobody], 1)).toBe(false);
  });

  test(`collections that another ledger filled are refused (${name})`, async () => {
    const prefix = "reticent-other";
    await openQdrantIndex({ url, prefix, model, ledger: "first" });
    await openQdrantIndex({ url, prefix, model, ledger: "first" });
    await expect(openQdrantIndex({ url, prefix, model, ledger: "second" })).rejects.toMatchObject({
      code: "index-unavailable",
      cause: expect.any(ForeignCollections),
    });
  });
}
