import { describe, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { makeLive, type OpenLedger } from "./support.ts";

/** The active fingerprint, and the end of those that are not kept. */
export function ledgerFingerprints(name: string, open: OpenLedger): void {
  describe(`ledger ${name}: fingerprints`, () => {
    test("the active fingerprint changes by compare-and-set alone, and is there again after a crash", async () => {
      const { ledger, reopen } = await open(() => 0);
      expect(await ledger.activeFingerprint()).toBeUndefined();
      expect(await ledger.activate("a", "b")).toBe(false);
      expect(await Promise.all([ledger.activate(undefined, "a"), ledger.activate(undefined, "b")])).toEqual([
        true,
        false,
      ]);
      expect(await ledger.activeFingerprint()).toBe("a");
      expect(await Promise.all([ledger.activate("a", "b"), ledger.activate("a", "c")])).toEqual([true, false]);
      expect(await ledger.activate("b", "b")).toBe(true);
      expect(await (await reopen()).activeFingerprint()).toBe("b");
    });

    test("what is missing under a fingerprint is counted per tenant", async () => {
      const { ledger } = await open(() => 0);
      for (const id of ["live", "lagging", "failed", "deleted"]) await ledger.putDocument(putOf(keyOf(id)));
      await ledger.putDocument(putOf(keyOf("other", "wiki", "marlow")));
      await makeLive(ledger, keyOf("live"), "a");
      const failedAt = "1970-01-01T00:00:00.000Z";
      await ledger.fail(keyOf("failed"), { generation: 1, code: "no-text", message: "", failedAt });
      await ledger.deleteDocument({ key: keyOf("deleted"), version: 1 });
      expect(await ledger.countLagging("a", "halden")).toBe(1);
      expect(await ledger.countLagging("b", "halden")).toBe(2);
      expect(await ledger.countLagging("a", "marlow")).toBe(1);
      expect(await ledger.countLagging("a", "nobody")).toBe(0);
    });

    test("a generation whose announcement was retired with its fingerprint does not go live, until it is announced again", async () => {
      const { ledger } = await open(() => 1_000);
      await ledger.activate(undefined, "active");
      const key = keyOf("a");
      await ledger.putDocument(putOf(key));
      const ref = { key, generation: 1, fingerprint: "other" };
      const publication = { ...ref, contentVersion: 1, accessRevision: 1, chunkCount: 1 };
      expect(await ledger.publish(publication)).toBe("stale");
      await ledger.announce(ref);
      expect(await ledger.retireOthers([], 10)).toBe(1);
      expect(await ledger.collectable(2_000, 10)).toEqual([ref]);
      await ledger.collected(ref);
      // The worker that announced it comes late.
      expect(await ledger.publish(publication)).toBe("stale");
      expect(await ledger.lagging("other", 10)).toEqual([key]);
      expect(await ledger.announce(ref)).toBe(true);
      expect(await ledger.publish(publication)).toBe("published");
      expect(await ledger.publish(publication)).toBe("published");
    });

    test("generations of other fingerprints are retired within the limit, and neither those kept nor the active one's", async () => {
      const { ledger } = await open(() => 1_000);
      await ledger.activate(undefined, "active");
      for (const id of ["a", "b"]) {
        await ledger.putDocument(putOf(keyOf(id)));
        for (const under of ["active", "kept", "old"]) await makeLive(ledger, keyOf(id), under);
      }
      await ledger.putDocument(putOf(keyOf("announced")));
      await ledger.announce({ key: keyOf("announced"), generation: 1, fingerprint: "old" });
      expect(await ledger.retireOthers(["kept", "active", "old"], 10)).toBe(0);
      expect(await ledger.retireOthers(["kept"], 2)).toBe(2);
      expect(await ledger.retireOthers(["kept"], 2)).toBe(1);
      expect(await ledger.retireOthers(["kept"], 2)).toBe(0);
      for (const record of await ledger.read([keyOf("a"), keyOf("b")])) {
        expect(Object.keys(record?.live ?? {}).toSorted()).toEqual(["active", "kept"]);
      }
      const erasable = await ledger.collectable(2_000, 10);
      expect(erasable.map(({ key, generation, fingerprint }) => [key.id, generation, fingerprint])).toEqual([
        ["a", 1, "old"],
        ["announced", 1, "old"],
        ["b", 1, "old"],
      ]);
      // Nothing of it is left that could come back, and the document lags under the fingerprint again.
      expect(await ledger.lagging("old", 10)).toEqual([keyOf("a"), keyOf("announced"), keyOf("b")]);
    });

    test("a generation that was retired with its fingerprint and is announced again is not collected under its writer's hands", async () => {
      const { ledger } = await open(() => 1_000);
      await ledger.activate(undefined, "active");
      const generation = { key: keyOf("a"), generation: 1, fingerprint: "back" };
      await ledger.putDocument(putOf(generation.key));
      await makeLive(ledger, generation.key, "back");
      expect(await ledger.retireOthers([], 10)).toBe(1);
      expect(await ledger.announce(generation)).toBe(true);
      expect(await ledger.collectable(2_000, 10)).toEqual([]);
      // Once it was handed out, its writer waits until it is gone.
      expect(await ledger.retireOthers([], 10)).toBe(1);
      expect(await ledger.collectable(2_000, 10)).toEqual([generation]);
      expect(await ledger.announce(generation)).toBe(false);
      await ledger.collected(generation);
      expect(await ledger.lagging("back", 10)).toEqual([generation.key]);
      expect(await ledger.announce(generation)).toBe(true);
      expect(await ledger.collectable(2_000, 10)).toEqual([]);
    });

    test("a change of access in the middle of a change of fingerprint holds under both", async () => {
      const { ledger } = await open(() => 0);
      const key = keyOf("a");
      await ledger.putDocument(putOf(key, { access: grantTo("group:hr") }));
      await makeLive(ledger, key, "a");
      const [read] = await ledger.read([key]);
      await ledger.putAccess({ key, access: nobody });
      // A worker that read the access before the revoke must not publish under it.
      const late = { key, generation: 1, fingerprint: "b", contentVersion: 1, chunkCount: 1 };
      expect(await ledger.publish({ ...late, accessRevision: read?.accessRevision ?? 0 })).toBe("access-moved");
      await makeLive(ledger, key, "b");
      const [now] = await ledger.read([key]);
      expect([now?.live.a?.access, now?.live.b?.access]).toEqual([nobody, nobody]);
    });
  });
}
