import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { userRules } from "#adapters/ledger-redis/user.ts";
import { closedPort } from "#test/kit/closed-port.ts";
import { startRedis } from "#test/kit/redis.ts";
import { startProxy } from "#test/kit/tcp-proxy.ts";
import { look } from "./testing/look.ts";
import { describeStack, missing } from "./testing/stack.ts";

await describeStack("reticent doctor on what is wrong with Redis", (stack) => {
  const configured = (name: string, value: string, before: string) =>
    stack.withFault(
      () => stack.admin.config("SET", name, value),
      () => stack.admin.config("SET", name, before),
    );

  test("a server's settings that can lose or evict what was acknowledged, each by its own line", async () => {
    const evicting = await configured("maxmemory-policy", "allkeys-lru", "noeviction");
    expect(evicting).toMatchObject({ code: 1 });
    expect(evicting.named("failed")).toEqual(["ledger-eviction"]);
    expect(evicting.named("warning")).toContain("queue-eviction");
    expect((await configured("appendfsync", "everysec", "always")).named("failed")).toEqual(["ledger-persistence"]);
    expect((await configured("no-appendfsync-on-rewrite", "yes", "no")).named("failed")).toEqual([
      "ledger-persistence",
    ]);
    const full = await configured("maxmemory", String(Math.floor(Number(await usedMemory()) * 1.02)), "0");
    expect(full.named("failed")).toContain("ledger-memory");
    const relaxed = await stack.withFault(
      () => stack.admin.config("SET", "appendfsync", "no"),
      () => stack.admin.config("SET", "appendfsync", "always"),
      { RETICENT_LEDGER_DURABILITY: "relaxed" },
    );
    expect(relaxed).toMatchObject({ code: 0 });
    expect(relaxed.line("ledger-persistence")).toMatchObject({
      status: "warning",
      finding: expect.stringContaining("relaxed"),
    });
  });
  const usedMemory = async () => /used_memory:(\d+)/.exec(await stack.admin.info("memory"))?.[1];

  test("a wrong password, a wrong port and a database that is not there fail the server's line, and skip what needs it", async () => {
    const needing = [
      "ledger-role",
      "ledger-persistence",
      "ledger-eviction",
      "ledger-memory",
      "ledger-clock",
      "ledger-user",
    ];
    const rest = ["ledger-store", "policy-revision", "active-fingerprint", "probe-vectors", "documents"];
    const queue = ["queue-eviction", "queue-jobs"];
    const urls = [
      [stack.urlOf(stack.redis.url, "wrong"), "the server refuses the user name or password"],
      [stack.redis.url, "the server asks for a password"],
      [stack.urlOf(`redis://127.0.0.1:${await closedPort()}`), "nobody listens there"],
      [`${stack.urlOf(stack.redis.url)}/99`, "the server has no database of this number"],
    ] as const;
    for (const [url, reason] of urls) {
      const report = await look(stack.env({ RETICENT_REDIS_URL: url }));
      expect(report).toMatchObject({ code: 1 });
      expect(report.named("failed")).toEqual(["ledger-server", "queue-server", "traces-server"]);
      expect(report.named("skipped")).toEqual([...needing, ...rest, ...queue, "index-ledger"]);
      expect(report.line("ledger-server").finding).toContain(reason);
      expect(report.line("index-points").status).toBe("ok");
    }
  });

  test("what answers with other bytes, and a network that loses the answers, are told", async () => {
    const proxy = await startProxy(Number(new URL(stack.redis.url).port));
    onTestFinished(() => proxy.close());
    const through = { RETICENT_REDIS_URL: stack.urlOf(`redis://127.0.0.1:${proxy.port}`) };
    proxy.garble();
    expect((await look(stack.env(through), ["--timeout-ms", "1000"])).line("ledger-server").status).toBe("failed");
    await proxy.pass();
    proxy.loseReplies();
    expect((await look(stack.env(through), ["--timeout-ms", "500"])).line("ledger-server").finding).toMatch(
      /no answer/,
    );
    await proxy.pass();
    expect((await look(stack.env(through))).line("ledger-server").status).toBe("ok");
  });

  test("an empty Redis behind an index that was filled from another fails, as a start on it does", async () => {
    const emptied = await look(stack.env({ RETICENT_REDIS_URL: `${stack.urlOf(stack.redis.url)}/5` }));
    expect(emptied).toMatchObject({ code: 1 });
    expect(emptied.named("failed")).toEqual(["index-ledger"]);
    expect(emptied.line("ledger-store").status).toBe("warning");
  });

  test("a user of its own can be looked at with, and one that lacks a right is told", async () => {
    const asUser = {
      RETICENT_REDIS_URL: stack.redis.url.replace("//", "//reticent:secret-7@"),
      RETICENT_QUEUE: "bullmq",
    };
    const other = { RETICENT_QUEUE_REDIS_URL: stack.urlOf(stack.redis.url) };
    await stack.admin.call("ACL", "SETUSER", "reticent", "on", ">secret-7", ...userRules());
    const own = await look(stack.env({ ...asUser, ...other }));
    expect(own.named("failed")).toEqual([]);
    expect(own.line("ledger-store").status).toBe("ok");
    await stack.admin.call("ACL", "SETUSER", "reticent", "+acl", "+time", "-eval", "-evalsha");
    const lacking = await look(stack.env({ ...asUser, ...other }));
    expect(lacking.named("failed")).toEqual(["ledger-user"]);
    expect(lacking.line("ledger-user").finding).toBe("reticent may not evalsha, eval");
    expect(lacking.line("ledger-clock").status).toBe("ok");
    await stack.admin.call("ACL", "DELUSER", "reticent");
  });

  test("a replica is refused", async () => {
    const replica = (await startRedis({ own: true })) ?? missing();
    onTestFinished(() => replica.stop());
    const connected = new Redis(replica.url);
    await connected.replicaof("127.0.0.1", Number(new URL(stack.redis.url).port));
    connected.disconnect();
    const report = await look(
      stack.env({ RETICENT_REDIS_URL: replica.url, RETICENT_QUEUE_REDIS_URL: stack.urlOf(stack.redis.url) }),
    );
    // It holds nothing yet, and the index was filled from another.
    expect(report.named("failed")).toEqual(["ledger-role", "index-ledger"]);
  });
});
