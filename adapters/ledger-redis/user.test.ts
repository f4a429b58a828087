import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Ledger } from "#core/ports/ledger.ts";
import { ledgerContract } from "#test/contract/ledger-contract.ts";
import { openTestLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { userRules } from "./user.ts";

test("the decision record names exactly the rules of the user", () => {
  const record = readFileSync(new URL("../../docs/decisions/0019-ledger-on-redis.md", import.meta.url), "utf8");
  expect(record).toContain(`ACL SETUSER reticent on >PASSWORD ${userRules().join(" ")}`);
});

describeRedis(
  "ledger-redis as a user of its own",
  () => {
    let redis: TestRedis | undefined;
    let admin: Redis;
    const ledgers: Ledger[] = [];

    beforeAll(async () => {
      redis = await startRedis({ own: true });
      admin = new Redis(redis?.url ?? "");
      await admin.call("ACL", "SETUSER", "reticent", "on", ">secret", ...userRules("mine"));
    });
    afterEach(async () => {
      for (const ledger of ledgers.splice(0)) await ledger.close();
    });
    afterAll(async () => {
      admin.disconnect();
      await redis?.stop();
    });

    function url(): string {
      const made = new URL(redis?.url ?? "");
      made.username = "reticent";
      made.password = "secret";
      return made.href;
    }

    test("it can do nothing to other keys, nor empty the server or change it", async () => {
      await expect(openTestLedger(redis, { url: url(), namespace: "other" })).rejects.toMatchObject({
        code: "ledger-unavailable",
      });
      const user = new Redis(url());
      for (const words of [["FLUSHALL"], ["KEYS", "*"], ["CONFIG", "SET", "appendonly", "no"], ["GET", "foreign"]]) {
        const [name = "", ...args] = words;
        await expect(user.call(name, ...args)).rejects.toThrow("NOPERM");
      }
      user.disconnect();
    });

    test("without the right to ask for settings, nothing is known of them: refused, unless relaxed", async () => {
      await admin.call("ACL", "SETUSER", "reticent", "-config|get");
      await expect(openTestLedger(redis, { url: url(), namespace: "mine" })).rejects.toThrow(
        'appendfsync must be "always" and is not told',
      );
      const { ledger } = await openTestLedger(redis, { url: url(), namespace: "mine", durability: "relaxed" });
      ledgers.push(ledger);
      expect((await ledger.findings()).warnings).toHaveLength(4);
      await admin.call("ACL", "SETUSER", "reticent", "+config|get");
    });

    ledgerContract("redis, as that user", async (clock) => {
      await admin.flushall();
      const reopen = async () => {
        const { ledger } = await openTestLedger(redis, { clock, url: url(), namespace: "mine" });
        ledgers.push(ledger);
        expect((await ledger.findings()).refusals).toEqual([]);
        return ledger;
      };
      return { ledger: await reopen(), reopen };
    });
  },
  { own: true },
);
