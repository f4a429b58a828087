import { describe, expect, test } from "vitest";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { fingerprint, makeLive, type OpenLedger } from "./support.ts";

const key = keyOf("page");
const first = { key, generation: 1, fingerprint };
const toFinance = grantTo("group:finance");
const toHr = grantTo("group:hr");

/** What is noted of the copy of access that an index may keep. */
export function ledgerCopies(name: string, open: OpenLedger): void {
  describe(`Ledger contract, copies of access: ${name}`, () => {
    const opened = async () => {
      const { ledger, reopen } = await open(() => 0);
      const noted = async () => (await ledger.read([key]))[0]?.live[fingerprint]?.indexedAccess;
      const publish = async (more: object = {}) => {
        const [record] = await ledger.read([key]);
        const { wanted, accessRevision = 0 } = record ?? {};
        const ref = { key, generation: wanted?.generation ?? 0, fingerprint };
        await ledger.announce(ref);
        const publication = { ...ref, contentVersion: wanted?.version ?? 0, accessRevision, chunkCount: 1 };
        return ledger.publish({ ...publication, accessPlaced: true, ...more });
      };
      return { ledger, reopen, noted, publish };
    };

    test("where no copy was ever noted, none lags, and nothing about copies is kept", async () => {
      const { ledger } = await opened();
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key);
      await ledger.putAccess({ key, access: toHr });
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
      expect(Object.keys((await ledger.read([key]))[0]?.live[fingerprint] ?? {})).not.toContain("indexedAccess");
    });

    test("a publish with its access placed notes the revision, and a later change lags until its copy is noted", async () => {
      const { ledger, reopen, noted, publish } = await opened();
      await ledger.putDocument(putOf(key, { access: toFinance }));
      expect(await publish()).toBe("published");
      expect(await noted()).toBe(1);
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
      await ledger.putAccess({ key, access: toHr });
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([key]);
      expect(await ledger.lagging(fingerprint, 10)).toEqual([]);
      expect(await ledger.countLagging(fingerprint, key.tenant)).toBe(0);
      expect(await (await reopen()).lagging(fingerprint, 10, true)).toEqual([key]);
      await ledger.indexedAccess(first, 2);
      expect(await noted()).toBe(2);
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
    });

    test("a lower revision, another generation and an unknown document are no news", async () => {
      const { ledger, noted, publish } = await opened();
      await ledger.indexedAccess(first, 1);
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await ledger.indexedAccess(first, 1);
      await publish();
      await ledger.putAccess({ key, access: toHr });
      await ledger.indexedAccess(first, 2);
      await ledger.indexedAccess(first, 1);
      await ledger.indexedAccess({ ...first, generation: 2 }, 3);
      await ledger.indexedAccess({ ...first, fingerprint: "other" }, 3);
      expect(await noted()).toBe(2);
      expect((await ledger.read([key]))[0]?.access).toEqual(toHr);
    });

    test("a repeated publish may bring the note of a newer copy, and never an older one", async () => {
      const { ledger, noted, publish } = await opened();
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await publish({ accessPlaced: false });
      expect(await noted()).toBeUndefined();
      await publish();
      expect(await noted()).toBe(1);
      await ledger.putAccess({ key, access: toHr });
      await publish();
      expect(await noted()).toBe(2);
      expect(await publish({ accessRevision: 1 })).toBe("access-moved");
      expect(await noted()).toBe(2);
    });

    test("live text under newer content that waits, or has failed, lags too when its access changes", async () => {
      const { ledger, noted, publish } = await opened();
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await publish();
      await ledger.putDocument(putOf(key, { version: 2, access: toHr }));
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([key]);
      await ledger.fail(key, {
        generation: 2,
        code: "no-text",
        message: "empty",
        failedAt: "1970-01-01T00:00:00.000Z",
      });
      expect(await ledger.lagging(fingerprint, 10)).toEqual([]);
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([key]);
      await ledger.indexedAccess(first, 2);
      expect(await noted()).toBe(2);
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
    });

    test("what the index lost lags, whatever was noted of it, until it is published again with its access", async () => {
      const { ledger, reopen, noted, publish } = await opened();
      await ledger.putDocument(putOf(key, { access: toFinance }));
      for (const accessPlaced of [false, true]) {
        await publish({ accessPlaced });
        await ledger.lostByIndex(first);
        expect(await noted()).toBe(0);
        expect(await ledger.lagging(fingerprint, 10, true)).toEqual([key]);
        expect(await (await reopen()).lagging(fingerprint, 10, true)).toEqual([key]);
        await publish();
        expect(await noted()).toBe(1);
        expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
      }
    });

    test("of what is not live, the loss is no news", async () => {
      const { ledger, noted, publish } = await opened();
      await ledger.lostByIndex(first);
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await ledger.lostByIndex(first);
      await publish();
      await ledger.lostByIndex({ ...first, generation: 2 });
      await ledger.lostByIndex({ ...first, fingerprint: "other" });
      expect(await noted()).toBe(1);
    });

    test("what is lost and cannot be indexed again is not live any more, and is tried again when wanted", async () => {
      const { ledger, noted, publish } = await opened();
      const failure = { generation: 1, code: "no-text", message: "", failedAt: "1970-01-01T00:00:00.000Z" } as const;
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await publish();
      await ledger.lostByIndex(first);
      await ledger.fail(key, failure);
      expect((await ledger.read([key]))[0]?.live).toEqual({});
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
      expect(await ledger.collectable(1, 10)).toEqual([]);
      expect(await publish()).toBe("published");
      expect(await noted()).toBe(1);
    });

    test("a lost text that newer content replaces is given up with it, and erased", async () => {
      const { ledger, publish } = await opened();
      await ledger.putDocument(putOf(key, { access: toFinance }));
      await publish();
      await ledger.lostByIndex(first);
      await ledger.putDocument(putOf(key, { version: 2, access: toFinance }));
      const failedAt = "1970-01-01T00:00:00.000Z";
      await ledger.fail(key, { generation: 2, code: "no-text", message: "", failedAt });
      expect((await ledger.read([key]))[0]?.live).toEqual({});
      expect(await ledger.lagging(fingerprint, 10, true)).toEqual([]);
      expect(await ledger.collectable(1, 10)).toEqual([first]);
    });
  });
}
