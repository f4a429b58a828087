import { describe, expect, test } from "vitest";
import { nobody } from "#core/access/acl.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { fingerprint, makeLive, type OpenLedger } from "./support.ts";

const key = keyOf("page");
const finance = grantTo("group:finance");
const hr = grantTo("group:hr");
const everyone = grantTo("everyone");

/** What writing does: documents, access, deletes, disabled principals. */
export function ledgerCommands(name: string, open: OpenLedger): void {
  describe(`Ledger contract, commands: ${name}`, () => {
    test("a new document is created with generation 1 and access revision 1, and its body is kept", async () => {
      const { ledger } = await open(() => 1_000);
      const { outcome, record } = await ledger.putDocument(putOf(key, { version: 7, body: "Hello \u0000 \u{1F600}" }));
      expect(outcome).toBe("created");
      expect(record).toMatchObject({ key, accessRevision: 1, lastGeneration: 1, live: {}, access: everyone });
      expect(record.wanted).toMatchObject({ version: 7, generation: 1, acceptedAt: "1970-01-01T00:00:01.000Z" });
      expect(await ledger.read([keyOf("other"), key])).toEqual([undefined, record]);
      expect(await ledger.readBody(key, 1)).toBe("Hello \u0000 \u{1F600}");
    });

    test("ids that look alike are different documents", async () => {
      const { ledger } = await open(() => 0);
      const ids = ["é", "e\u0301", "E\u0301", "a/b", "a%2Fb", "a\u0000b", "a", "\u{10000}", "\uffff"];
      for (const id of ids) await ledger.putDocument(putOf(keyOf(id), { body: `body of ${id}` }));
      for (const id of ids) expect(await ledger.readBody(keyOf(id), 1)).toBe(`body of ${id}`);
      expect((await ledger.read(ids.map((id) => keyOf(id)))).map((record) => record?.key.id)).toEqual(ids);
      expect(await ledger.read([keyOf("a", "handbook"), keyOf("a", "wiki", "marlow")])).toEqual([undefined, undefined]);
    });

    test("a newer version is a new generation, and the old body is gone", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key));
      const { outcome, record } = await ledger.putDocument(putOf(key, { version: 5, body: "new" }));
      expect(outcome).toBe("updated");
      expect(record).toMatchObject({ accessRevision: 1, lastGeneration: 2, wanted: { version: 5, generation: 2 } });
      expect(await ledger.readBody(key, 1)).toBeUndefined();
      expect(await ledger.readBody(key, 2)).toBe("new");
    });

    test("a late older version changes nothing", async () => {
      const { ledger } = await open(() => 0);
      const { record } = await ledger.putDocument(putOf(key, { version: 5 }));
      const late = await ledger.putDocument(putOf(key, { version: 4, body: "old", access: finance, mayShare: false }));
      expect(late).toEqual({ outcome: "ignored", record });
      expect(await ledger.read([key])).toEqual([record]);
    });

    test("the same version with the same request is a no-op, with another one a conflict", async () => {
      const { ledger } = await open(() => 0);
      const { record } = await ledger.putDocument(putOf(key));
      expect(await ledger.putDocument(putOf(key))).toEqual({ outcome: "unchanged", record });
      await expect(ledger.putDocument(putOf(key, { body: "other" }))).rejects.toMatchObject({
        code: "version-conflict",
      });
      await expect(ledger.putDocument(putOf(key, { access: hr }))).rejects.toMatchObject({ code: "version-conflict" });
      expect(await ledger.read([key])).toEqual([record]);
    });

    test("the repeat of an old put after a revoke does not restore access", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key));
      const revoked = await ledger.putAccess({ key, access: nobody });
      expect(await ledger.putDocument(putOf(key))).toEqual({ outcome: "unchanged", record: revoked });
      // Even when the client insists on the revision that it saw then.
      expect(await ledger.putDocument(putOf(key, { expectedAccessRevision: 1 }))).toMatchObject({
        outcome: "unchanged",
      });
      expect((await ledger.read([key]))[0]).toMatchObject({ access: nobody, accessRevision: 2 });
    });

    test("without the right to share, content may change and access may not", async () => {
      const { ledger } = await open(() => 0);
      await expect(ledger.putDocument(putOf(key, { mayShare: false }))).rejects.toMatchObject({ code: "forbidden" });
      expect(await ledger.read([key])).toEqual([undefined]);
      await ledger.putDocument(putOf(key));
      const same = await ledger.putDocument(putOf(key, { version: 2, mayShare: false }));
      expect(same).toMatchObject({ outcome: "updated", record: { accessRevision: 1 } });
      await expect(
        ledger.putDocument(putOf(key, { version: 3, access: finance, mayShare: false })),
      ).rejects.toMatchObject({ code: "forbidden" });
      await ledger.deleteDocument({ key, version: 3 });
      // Not even the empty access list: what is deleted has none.
      await expect(
        ledger.putDocument(putOf(key, { version: 4, access: nobody, mayShare: false })),
      ).rejects.toMatchObject({ code: "forbidden" });
    });

    test("another access revision than the expected one refuses the command", async () => {
      const { ledger } = await open(() => 0);
      await expect(ledger.putDocument(putOf(key, { expectedAccessRevision: 1 }))).rejects.toMatchObject({
        code: "revision-mismatch",
      });
      await ledger.putDocument(putOf(key, { expectedAccessRevision: 0 }));
      await expect(ledger.putAccess({ key, access: finance, expectedAccessRevision: 0 })).rejects.toMatchObject({
        code: "revision-mismatch",
      });
      await expect(ledger.putDocument(putOf(key, { version: 2, expectedAccessRevision: 2 }))).rejects.toMatchObject({
        code: "revision-mismatch",
      });
      const { accessRevision } = await ledger.putAccess({ key, access: finance, expectedAccessRevision: 1 });
      expect(accessRevision).toBe(2);
      const put = await ledger.putDocument(putOf(key, { version: 2, access: hr, expectedAccessRevision: 2 }));
      expect(put.record).toMatchObject({ accessRevision: 3, access: hr });
    });

    test("the same access again keeps the revision", async () => {
      const { ledger } = await open(() => 0);
      const { record } = await ledger.putDocument(putOf(key));
      expect(await ledger.putAccess({ key, access: everyone })).toEqual(record);
    });

    test("access of what does not exist, or was deleted, is not-found; so is the delete of what never existed", async () => {
      const { ledger } = await open(() => 0);
      await expect(ledger.putAccess({ key, access: finance })).rejects.toMatchObject({ code: "not-found" });
      await expect(ledger.deleteDocument({ key, version: 1 })).rejects.toMatchObject({ code: "not-found" });
      await ledger.putDocument(putOf(key));
      await ledger.deleteDocument({ key, version: 1 });
      await expect(ledger.putAccess({ key, access: finance })).rejects.toMatchObject({ code: "not-found" });
    });

    test("a delete leaves a tombstone without body, live text or access", async () => {
      const { ledger } = await open(() => 2_000);
      await ledger.putDocument(putOf(key, { version: 3 }));
      await makeLive(ledger, key);
      const { outcome, record } = await ledger.deleteDocument({ key, version: 3 });
      expect(outcome).toBe("deleted");
      expect(record).toEqual({
        key,
        access: nobody,
        accessRevision: 2,
        live: {},
        lastGeneration: 1,
        tombstone: { version: 3, deletedAt: "1970-01-01T00:00:02.000Z" },
      });
      expect(await ledger.readBody(key, 1)).toBeUndefined();
      expect(await ledger.read([key])).toEqual([record]);
    });

    test("a delete of an older version than the accepted is ignored; a repeat changes nothing; a newer one moves the tombstone up", async () => {
      const { ledger } = await open(() => 0);
      const { record } = await ledger.putDocument(putOf(key, { version: 3 }));
      expect(await ledger.deleteDocument({ key, version: 2 })).toEqual({ outcome: "ignored", record });
      expect((await ledger.deleteDocument({ key, version: 4 })).outcome).toBe("deleted");
      expect((await ledger.deleteDocument({ key, version: 4 })).outcome).toBe("unchanged");
      expect((await ledger.deleteDocument({ key, version: 3 })).outcome).toBe("ignored");
      const moved = await ledger.deleteDocument({ key, version: 6 });
      expect(moved).toMatchObject({ outcome: "deleted", record: { tombstone: { version: 6 } } });
      expect((await ledger.putDocument(putOf(key, { version: 6 }))).outcome).toBe("ignored");
    });

    test("what was deleted comes back only with a newer version, and never with a used generation or revision", async () => {
      const { ledger, reopen } = await open(() => 0);
      await ledger.putDocument(putOf(key, { version: 3, access: finance }));
      await ledger.deleteDocument({ key, version: 3 });
      for (const version of [1, 3]) {
        expect((await ledger.putDocument(putOf(key, { version }))).outcome).toBe("ignored");
      }
      const again = await reopen();
      const { outcome, record } = await again.putDocument(putOf(key, { version: 4 }));
      expect(outcome).toBe("created");
      expect(record).toMatchObject({ lastGeneration: 2, accessRevision: 3, wanted: { generation: 2 }, live: {} });
      expect(record.tombstone).toBeUndefined();
    });

    test("an access change takes effect at once for live text that is wanted, and never widens older live text", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key, { access: finance }));
      await makeLive(ledger, key);
      expect((await ledger.putAccess({ key, access: hr })).live[fingerprint]?.access).toEqual(hr);
      const pending = await ledger.putDocument(putOf(key, { version: 2, access: everyone }));
      expect(pending.record.live[fingerprint]).toMatchObject({ generation: 1, access: hr });
      const granted = await ledger.putAccess({ key, access: grantTo("everyone", "group:hr", "group:finance") });
      expect(granted.live[fingerprint]).toMatchObject({ generation: 1, access: hr });
      await makeLive(ledger, key);
      expect((await ledger.read([key]))[0]?.live[fingerprint]).toMatchObject({ generation: 2, access: granted.access });
    });

    test("what an access change took from older live text stays taken, whatever comes with newer content", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key, { access: everyone }));
      await makeLive(ledger, key);
      await ledger.putDocument(putOf(key, { version: 2, access: finance }));
      const { record } = await ledger.putDocument(putOf(key, { version: 3, access: everyone, body: "redacted" }));
      expect(record.live[fingerprint]).toMatchObject({ generation: 1, access: finance });
    });

    test("disabling and enabling a principal hold at once, for its tenant alone", async () => {
      const { ledger, reopen } = await open(() => 0);
      await ledger.setDisabled("halden", "user:erin", true);
      await ledger.setDisabled("halden", "user:erin", true);
      const asked = ["user:sam", "user:erin", "agent:assistant"];
      expect(await ledger.disabledAmong("halden", asked)).toEqual(["user:erin"]);
      expect(await ledger.disabledAmong("marlow", asked)).toEqual([]);
      const again = await reopen();
      expect(await again.disabledAmong("halden", asked)).toEqual(["user:erin"]);
      await again.setDisabled("halden", "user:erin", false);
      expect(await again.disabledAmong("halden", asked)).toEqual([]);
    });

    test("a closed ledger answers nothing", async () => {
      const { ledger } = await open(() => 0);
      await ledger.close();
      await expect(ledger.read([key])).rejects.toMatchObject({ code: "ledger-unavailable" });
      await expect(ledger.putDocument(putOf(key))).rejects.toMatchObject({ code: "ledger-unavailable" });
    });
  });
}
