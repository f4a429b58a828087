import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Store } from "#adapters/ledger-redis/store.ts";
import { nobody } from "#core/access/acl.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { type Held, hold } from "#test/kit/hold.ts";
import { openTestLedger, openWrappedLedger } from "#test/kit/ledger-redis.ts";
import { describeRedis, startRedis, type TestRedis } from "#test/kit/redis.ts";
import { startProxy, type TcpProxy } from "#test/kit/tcp-proxy.ts";

const key = keyOf("page");
const refused = { code: "ledger-unavailable" };
/** Long enough for a write that waits behind those of other tests for the disk. */
const busyDiskMs = 1_500;

/** Waits until a question is answered again, with nothing restarted. */
const recovered = (ledger: Ledger) => vi.waitFor(() => ledger.read([key]), { timeout: 20_000, interval: 20 });

describeRedis(
  "ledger-redis behind a network that fails",
  () => {
    let redis: TestRedis | undefined;
    let proxy: TcpProxy;
    let namespace = 0;
    const open: Ledger[] = [];

    beforeAll(async () => {
      redis = await startRedis({ own: true });
    });
    afterAll(async () => redis?.stop());
    beforeEach(async () => {
      proxy = await startProxy(Number(new URL(redis?.url ?? "").port));
      namespace += 1;
    });
    afterEach(async () => {
      for (const ledger of open.splice(0)) await ledger.close();
      await proxy.close();
    });

    /** A ledger behind the proxy, and another process's, which is not. */
    async function openBoth(): Promise<{ readonly ledger: Ledger; readonly other: Ledger }> {
      const options = { namespace: `n${namespace}`, timeoutMs: busyDiskMs };
      const { ledger } = await openTestLedger(redis, { ...options, url: `redis://127.0.0.1:${proxy.port}` });
      const { ledger: other } = await openTestLedger(redis, { ...options, timeoutMs: 10_000 });
      open.push(ledger, other);
      return { ledger, other };
    }

    /** A ledger behind the proxy, whose next write waits to be released. */
    async function openHeld(): Promise<{ readonly ledger: Ledger; readonly held: Held<Store> }> {
      let held: Held<Store> | undefined;
      const options = { namespace: `n${namespace}`, timeoutMs: busyDiskMs, url: `redis://127.0.0.1:${proxy.port}` };
      const ledger = await openWrappedLedger(redis, options, (store) => {
        held = hold(store, "run", "before");
        return held.port;
      });
      open.push(ledger);
      if (held === undefined) throw new Error("the store was not wrapped");
      return { ledger, held };
    }

    for (const [trouble, begin] of [
      ["refuses connections", () => proxy.refuse()],
      ["takes requests and answers nothing", async () => proxy.loseReplies()],
      ["lets no request through", async () => proxy.keepRequests()],
      ["answers with something else than Redis", async () => proxy.garble()],
    ] as const) {
      test(`a server that ${trouble} is ledger-unavailable for every command, and is used again once it is well`, async () => {
        const { ledger } = await openBoth();
        await ledger.putDocument(putOf(key));
        await begin();
        await expect(ledger.read([key])).rejects.toMatchObject(refused);
        await expect(ledger.replacements([key], "f", { kind: "nothing" })).resolves.toEqual([]);
        await expect(ledger.readBody(key, 1)).rejects.toMatchObject(refused);
        await expect(ledger.disabledAmong("halden", ["user:erin"])).rejects.toMatchObject(refused);
        await expect(ledger.putAccess({ key, access: nobody })).rejects.toMatchObject(refused);
        await expect(ledger.lagging("f", 1)).rejects.toMatchObject(refused);
        await proxy.pass();
        expect(await recovered(ledger)).toMatchObject([{ accessRevision: 1 }]);
        expect((await ledger.putAccess({ key, access: nobody })).accessRevision).toBe(2);
      });

      test(`a server that ${trouble} does not let a ledger open`, async () => {
        await begin();
        const url = `redis://127.0.0.1:${proxy.port}`;
        await expect(openTestLedger(redis, { url, timeoutMs: busyDiskMs })).rejects.toMatchObject(refused);
      });
    }

    test("a write whose answer was lost was done once, and can be sent again", async () => {
      const { other } = await openBoth();
      const { ledger, held } = await openHeld();
      const put = putOf(key, { access: grantTo("group:finance") });
      const sent = ledger.putDocument(put);
      await held.reached;
      proxy.loseReplies();
      held.release();
      await expect(sent).rejects.toMatchObject(refused);
      expect((await other.read([key]))[0]).toMatchObject({ lastGeneration: 1 });
      await proxy.pass();
      await recovered(ledger);
      const again = await ledger.putDocument(put);
      expect(again).toMatchObject({ outcome: "unchanged", record: { lastGeneration: 1, accessRevision: 1 } });
    });

    test("a grant that was given up and arrives late does not undo a revoke that was acknowledged since", async () => {
      const { other } = await openBoth();
      await other.putDocument(putOf(key));
      const { ledger, held } = await openHeld();
      const granting = ledger.putAccess({ key, access: grantTo("everyone", "group:finance") });
      await held.reached;
      proxy.keepRequests();
      held.release();
      await expect(granting).rejects.toMatchObject(refused);
      await other.putAccess({ key, access: nobody });
      await proxy.pass();
      await recovered(ledger);
      expect((await other.read([key]))[0]).toMatchObject({ access: nobody, accessRevision: 2 });
    });

    test("an enabling that was given up and arrives late does not undo a disabling that was acknowledged since", async () => {
      const { other } = await openBoth();
      const { ledger, held } = await openHeld();
      const enabling = ledger.setDisabled("halden", "user:erin", false);
      await held.reached;
      proxy.keepRequests();
      held.release();
      await expect(enabling).rejects.toMatchObject(refused);
      await other.setDisabled("halden", "user:erin", true);
      await proxy.pass();
      await recovered(ledger);
      expect(await other.disabledAmong("halden", ["user:erin"])).toEqual(["user:erin"]);
    });
  },
  { own: true },
);
