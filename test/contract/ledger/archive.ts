import { describe, expect, test } from "vitest";
import { archivedOf } from "#core/archive/archived-document.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { makeLive } from "./support.ts";

type Archive = Ledger & LedgerArchive;

/** Backups and moves. Two empty ledgers: one to fill, one to put things into. */
export function ledgerArchive(
  name: string,
  open: () => Promise<{ readonly from: Archive; readonly to: Archive }>,
): void {
  describe(`ledger ${name}: archive`, () => {
    test("a restored document is as it was, lags until it is indexed, and its next generation is a new one", async () => {
      const { from, to } = await open();
      const key = keyOf("a/#b é");
      await from.putDocument(putOf(key));
      await makeLive(from, key);
      await from.putAccess({ key, access: grantTo("user:erin") });
      await from.putDocument(putOf(key, { version: 7, body: "Newer.", access: grantTo("user:erin") }));
      const [stored] = await from.read([key]);
      if (stored === undefined) throw new Error("not stored");
      const archived = archivedOf(stored, await from.readBody(key, stored.lastGeneration));
      expect(await to.restore(archived)).toBe("restored");
      const [restored] = await to.read([key]);
      expect(restored).toEqual({ ...stored, live: {} });
      expect(await to.readBody(key, stored.lastGeneration)).toBe("Newer.");
      expect(await to.lagging("model", 10)).toEqual([key]);
      await makeLive(to, key, "model");
      // Repeated after it was indexed: an interrupted import.
      expect(await to.restore(archived)).toBe("present");
      const next = await to.putDocument(putOf(key, { version: 8, body: "Newest.", access: grantTo("user:erin") }));
      expect(next.record.lastGeneration).toBe(stored.lastGeneration + 1);
    });

    test("a restored tombstone keeps late versions out", async () => {
      const { from, to } = await open();
      const key = keyOf("gone");
      await from.putDocument(putOf(key, { version: 3 }));
      await from.deleteDocument({ key, version: 5 });
      const [stored] = await from.read([key]);
      if (stored === undefined) throw new Error("not stored");
      await to.restore(archivedOf(stored, undefined));
      expect(await to.read([key])).toEqual([stored]);
      expect((await to.putDocument(putOf(key, { version: 5 }))).outcome).toBe("ignored");
    });

    test("another state of a document is never overwritten", async () => {
      const { from, to } = await open();
      const key = keyOf("a");
      await from.putDocument(putOf(key));
      await to.putDocument(putOf(key, { version: 2 }));
      const [stored] = await from.read([key]);
      const [before] = await to.read([key]);
      if (stored === undefined) throw new Error("not stored");
      const archived = archivedOf(stored, await from.readBody(key, 1));
      await expect(to.restore(archived)).rejects.toMatchObject({ code: "version-conflict" });
      expect(await to.read([key])).toEqual([before]);
    });

    test("tenants and disabled principals are told, of all tenants", async () => {
      const { from } = await open();
      expect(await from.tenants()).toEqual([]);
      for (const tenant of ["marlow", "halden"]) await from.putDocument(putOf(keyOf("a", "wiki", tenant)));
      await from.setDisabled("halden", "user:erin", true);
      await from.setDisabled("marlow", "agent:bot", true);
      await from.setDisabled("marlow", "user:x", true);
      await from.setDisabled("marlow", "user:x", false);
      expect(await from.tenants()).toEqual(["halden", "marlow"]);
      expect(await from.disabledPrincipals()).toEqual([
        { tenant: "halden", principal: "user:erin" },
        { tenant: "marlow", principal: "agent:bot" },
      ]);
    });
  });
}
