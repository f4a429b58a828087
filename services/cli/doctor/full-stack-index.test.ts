import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { aliasesOf } from "#adapters/index-qdrant/schema.ts";
import { closedPort } from "#test/kit/closed-port.ts";
import { embeddingsServer } from "#test/kit/embeddings-server.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { look } from "./testing/look.ts";
import { policyWithTest } from "./testing/place.ts";
import { describeStack } from "./testing/stack.ts";

await describeStack("reticent doctor on what is wrong with Qdrant and an embeddings endpoint", (stack) => {
  test("an index that would answer otherwise than it has to, each fault by its own line", async () => {
    const name = stack.searched;
    const unindexed = await stack.withFault(
      () => stack.qdrantCall("DELETE", `/collections/${name}/index/grants?wait=true`),
      () =>
        stack.qdrantCall("PUT", `/collections/${name}/index?wait=true`, {
          field_name: "grants",
          field_schema: { type: "keyword" },
        }),
    );
    expect(unindexed.named("failed")).toEqual(["index-payload-indexes"]);
    expect(unindexed.line("index-payload-indexes").finding).toContain("grants");
    const strict = (enabled: boolean) =>
      stack.qdrantCall("PATCH", `/collections/${name}`, { strict_mode_config: { enabled } });
    const lax = await stack.withFault(
      () => strict(false),
      () => strict(true),
    );
    expect(lax.named("failed")).toEqual(["index-strict-mode"]);
    const both = await stack.withFault(
      async () => {
        await strict(false);
        await stack.qdrantCall("DELETE", `/collections/${name}/index/tenant?wait=true`);
      },
      async () => {
        await stack.qdrantCall("PUT", `/collections/${name}/index?wait=true`, {
          field_name: "tenant",
          field_schema: { type: "keyword", is_tenant: true },
        });
        await strict(true);
      },
    );
    expect(both.named("failed")).toEqual(["index-payload-indexes", "index-strict-mode"]);
  });

  test("an index that is not known to be whole, and one that was filled from another ledger", async () => {
    const described = (await stack.qdrantCall("GET", `/collections/${stack.searched}`)).result as {
      config: { metadata: object };
    };
    const { metadata } = described.config;
    const patch = (changes: object) =>
      stack.qdrantCall("PATCH", `/collections/${stack.searched}`, { metadata: changes });
    const empty = await stack.withFault(
      () => patch({ filled: "another" }),
      () => patch(metadata),
    );
    expect(empty).toMatchObject({ code: 1 });
    expect(empty.named("failed")).toEqual(["index-filled"]);
    const foreign = await stack.withFault(
      () => patch({ ledger: "another" }),
      () => patch(metadata),
    );
    expect(foreign.named("failed")).toEqual(["index-ledger"]);
  });

  test("an index that is called filled and holds none of the ledger's documents fails", async () => {
    const { texts } = aliasesOf("reticent", stack.fingerprint);
    const { result } = await stack.qdrantCall("POST", `/collections/${texts}/points/scroll`, {
      limit: 100,
      with_payload: true,
      with_vector: true,
    });
    const { points } = result as { points: { id: string }[] };
    expect(points.length).toBeGreaterThan(0);
    const report = await stack.withFault(
      () =>
        stack.qdrantCall("POST", `/collections/${texts}/points/delete?wait=true`, {
          points: points.map(({ id }) => id),
        }),
      () => stack.qdrantCall("PUT", `/collections/${texts}/points?wait=true`, { points }),
    );
    expect(report).toMatchObject({ code: 1 });
    expect(report.line("index-filled").status).toBe("ok");
    expect(report.named("failed")).toEqual(["index-points"]);
    expect(report.line("index-points").finding).toContain("0 chunks");
    expect(report.line("index-points").finding).toContain("1 document to be found");
  });

  test("an index whose alias is gone is told, and is not made", async () => {
    const { search } = aliasesOf("reticent", stack.fingerprint);
    const act = (actions: object[]) => stack.qdrantCall("POST", "/collections/aliases", { actions });
    const report = await stack.withFault(
      () => act([{ delete_alias: { alias_name: search } }]),
      () => act([{ create_alias: { alias_name: search, collection_name: stack.searched } }]),
    );
    expect(report.named("warning")).toEqual(["calibration", "index-collections"]);
    expect(report.line("index-points").status).toBe("skipped");
  });

  test("a Qdrant that wants a key, is away, or is no Qdrant", async () => {
    const away = await look(stack.env({ RETICENT_QDRANT_URL: `http://127.0.0.1:${await closedPort()}` }));
    expect(away.named("failed")).toEqual(["index-server"]);
    for (const key of ["wrong-key-1234", ""]) {
      const refused = await look(stack.env({ RETICENT_QDRANT_API_KEY: key }));
      expect(refused.named("failed")).toEqual(["index-key"]);
      expect(refused.line("index-key").finding).toBe("status 401: the server refuses the key");
      expect(refused.line("index-server").status).toBe("ok");
    }
    const other = await embeddingsServer();
    onTestFinished(() => other.stop());
    const strange = await look(stack.env({ RETICENT_QDRANT_URL: other.baseUrl.replace("/v1", "") }), [
      "--timeout-ms",
      "1000",
    ]);
    expect(strange.named("failed")).toEqual(["index-server"]);
  });

  test("an embeddings endpoint that is away, gives other lengths or other vectors, and a second one that differs", async () => {
    const [first, second] = [await embeddingsServer(), await embeddingsServer()];
    onTestFinished(async () => {
      await first.stop();
      await second.stop();
    });
    const trust = `${testPolicy["trust.yaml"]}  openai/hashed: { floor: 0.02, threshold: 0.2, origin: chosen for tests }\n`;
    const folder = policyFolder({ ...policyWithTest, "trust.yaml": trust });
    const key = join(stack.dataDir, "..", "openai-key");
    writeFileSync(key, "sk-in-a-file-1234\n");
    onTestFinished(() => {
      folder.remove();
      rmSync(key);
    });
    const openai = {
      RETICENT_POLICIES: folder.dir,
      RETICENT_EMBEDDER: "openai",
      RETICENT_EMBEDDER_PREVIOUS: "hashed",
      RETICENT_OPENAI_MODEL: "hashed",
      RETICENT_OPENAI_DIMENSIONS: "384",
      RETICENT_OPENAI_BASE_URL: first.baseUrl,
      RETICENT_OPENAI_API_KEY_FILE: key,
      RETICENT_OPENAI_SECOND_BASE_URL: second.baseUrl,
    };
    const asked = async () => look(stack.env(openai), ["--timeout-ms", "2000"]);
    const well = await asked();
    expect(well.named("failed")).toEqual([]);
    expect(well.line("second-endpoint").finding).toContain("gives the vectors of the first endpoint");
    second.turn = 5;
    expect((await asked()).named("failed")).toEqual(["second-endpoint"]);
    second.turn = 0;
    first.mode = "wrong-dimensions";
    expect((await asked()).named("failed")).toEqual(["encoder"]);
    first.mode = "key-in-error";
    const telling = await asked();
    expect(telling.named("failed")).toEqual(["encoder"]);
    expect(telling.text).not.toContain("sk-in-a-file");
    first.mode = "hang";
    expect((await asked()).named("failed")).toEqual(["encoder"]);
    await first.stop();
    const away = await asked();
    expect(away.named("failed")).toEqual(["encoder"]);
    expect(away.line("encoder").finding).toContain("the connection failed");
  });
});
