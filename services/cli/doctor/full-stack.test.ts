import { expect, onTestFinished, test } from "vitest";
import { keyNames } from "#adapters/ledger-redis/names.ts";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";
import { look } from "./testing/look.ts";
import { hangingPort, policyWithTest, writerHeaders } from "./testing/place.ts";
import { describeStack, missing, stackApiKey, stackPassword } from "./testing/stack.ts";

await describeStack("reticent doctor on the full stack", (stack) => {
  test("all is well, whether or not a process runs, and nothing at all is written", async () => {
    const before = await stack.state();
    const idle = await look(stack.env());
    expect(idle).toMatchObject({ code: 0 });
    expect(idle.named("failed")).toEqual([]);
    expect(idle.named("warning")).toEqual(["calibration"]);
    expect(idle.named("skipped")).toEqual([]);
    expect(idle.line("documents").finding).toBe("1 document, deleted ones included; 0 to be indexed, 0 failed");
    expect(idle.line("index-points").finding).toMatch(/^1 chunk, status green/);
    expect(await stack.state()).toEqual(before);

    const service = await startService(parseConfig(stack.env()));
    onTestFinished(() => service.close());
    const running = await look(stack.env(), ["--url", service.url]);
    expect(running.named("failed")).toEqual([]);
    expect(running.line("service-ready").status).toBe("ok");
  });

  test("no secret is printed, not by a run for people either, whatever is wrong", async () => {
    const wrong = "also-a-secret-99";
    const reports = [
      await look(stack.env()),
      await look(
        stack.env({
          RETICENT_REDIS_URL: stack.urlOf(stack.redis.url, wrong),
          RETICENT_QDRANT_API_KEY: wrong,
          RETICENT_TOKEN: wrong,
        }),
      ),
      await look(stack.env({ RETICENT_REDIS_URL: `http://u:${wrong}@host`, RETICENT_QDRANT_URL: `x://u:${wrong}@h` })),
      await look(stack.env({ RETICENT_REDIS_URL: `${stack.urlOf(stack.redis.url, wrong)}?keepAlive=1` })),
    ];
    for (const { text } of reports) {
      for (const secret of [stackApiKey, stackPassword, encodeURIComponent(stackPassword), wrong])
        expect(text).not.toContain(secret);
    }
  });

  test("a port that takes connections and says nothing is told in time, and ends the run", async () => {
    const port = await hangingPort();
    const hanging = {
      RETICENT_REDIS_URL: `redis://127.0.0.1:${port}`,
      RETICENT_QDRANT_URL: `http://127.0.0.1:${port}`,
    };
    const report = await look(stack.env(hanging), ["--timeout-ms", "1500", "--url", `http://127.0.0.1:${port}`]);
    expect(report.named("failed")).toEqual([
      "ledger-server",
      "queue-server",
      "traces-server",
      "index-server",
      "service-health",
    ]);
    for (const name of report.named("failed"))
      expect(report.line(name).finding).toMatch(/no answer (in time|within 1500 ms)/);
  });

  test("a service on it shows in /v1/status what its ledger can lose, and nothing that counts all tenants", async () => {
    const shown = async (changes = {}) => {
      const service = await startService(parseConfig(stack.env(changes)));
      const headers = await writerHeaders(stack.dataDir);
      const answer: unknown = await (await fetch(`${service.url}/v1/status`, { headers })).json();
      const { ledger, queue, traces } = answer as Readonly<Record<string, unknown>>;
      await service.close();
      return { ledger, queue, traces };
    };
    const rest = { queue: { reachable: true }, traces: { lost: 0 } };
    expect(await shown()).toEqual({ ledger: { durability: "strict", warnings: [] }, ...rest });
    await stack.admin.config("SET", "appendfsync", "no");
    try {
      const warnings = [expect.stringContaining('appendfsync must be "always" and is "no"')];
      const relaxed = await shown({ RETICENT_LEDGER_DURABILITY: "relaxed" });
      expect(relaxed).toEqual({ ledger: { durability: "relaxed", warnings }, ...rest });
    } finally {
      await stack.admin.config("SET", "appendfsync", "always");
    }
  });

  test("a mixture is looked at as what it is: the ledger's file, traces on Redis, the index on Qdrant", async () => {
    const mixed = await look(
      stack.env({ RETICENT_LEDGER: "sqlite", RETICENT_QUEUE: "local", RETICENT_TRACES: "redis" }),
    );
    expect(mixed).toMatchObject({ code: 0 });
    expect(mixed.line("adapters").finding).toContain("one process alone");
    for (const name of ["data-directory", "ledger-file", "traces-server", "index-points"]) {
      expect(mixed.line(name).status).toBe("ok");
    }
    expect(mixed.line("policy-revision").status).toBe("skipped");
    expect(mixed.lines.filter(({ name }) => ["ledger-server", "trace-file"].includes(name))).toEqual([]);
  });

  test("another namespace on the same servers is another deployment", async () => {
    const other = await look(stack.env({ RETICENT_NAMESPACE: "other" }));
    expect(other).toMatchObject({ code: 0 });
    expect(other.named("warning")).toEqual(["calibration", "ledger-store", "index-collections"]);
    expect(other.line("documents").finding).toContain("0 documents");
  });

  test("a folder that is older than the agreed policy, and one that is newer", async () => {
    const { policy: agreed, supersededPolicies } = keyNames("reticent");
    const mine = (await stack.admin.get(agreed)) ?? "";
    const older = await stack.withFault(
      async () => {
        await stack.admin.set(agreed, "newer-newer");
        await stack.admin.zadd(supersededPolicies, 1, mine);
      },
      async () => {
        await stack.admin.set(agreed, mine);
        await stack.admin.del(supersededPolicies);
      },
    );
    expect(older.named("failed")).toEqual(["policy-revision"]);
    expect(older.line("policy-revision").finding).toContain("older copy");
    const edited = policyFolder({ ...policyWithTest, "policy.csv": `${testPolicy["policy.csv"]}# an edit\n` });
    onTestFinished(() => edited.remove());
    const newer = await look(stack.env({ RETICENT_POLICIES: edited.dir }));
    expect(newer).toMatchObject({ code: 0 });
    expect(newer.line("policy-revision").status).toBe("warning");
    expect(await stack.admin.get(agreed)).toBe(mine);
  });

  test("another encoder than the documents were indexed with, and one whose vectors moved", async () => {
    const other = await look(stack.env({ RETICENT_EMBEDDER: "minilm" }));
    expect(other.named("failed")).toEqual(["active-fingerprint"]);
    expect(other.named("warning")).toEqual(["calibration", "documents", "index-collections"]);
    const probes = keyNames("reticent").probes(stack.fingerprint);
    const stored = await stack.admin.hgetallBuffer(probes);
    const [[name, vector] = missing()] = Object.entries(stored);
    const drifted = await stack.withFault(
      () => stack.admin.hset(probes, name, Buffer.from(vector.toReversed())),
      () => stack.admin.hset(probes, name, vector),
    );
    expect(drifted.named("failed")).toEqual(["probe-vectors"]);
  });
});
