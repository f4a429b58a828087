import { describe, expect, test } from "vitest";
import { compareKeys } from "#core/document.ts";
import type { ListQuery } from "#core/ports/ledger.ts";
import { keyOf, noQuality, putOf, visibleTo } from "#test/kit/documents.ts";
import { fingerprint, makeLive, type OpenLedger } from "./support.ts";

const page: ListQuery = { tenant: "halden", state: "stored", fingerprint, limit: 100 };

/** What can be asked across documents: pages, what lags, what replaces. */
export function ledgerLists(name: string, open: OpenLedger): void {
  describe(`Ledger contract, lists: ${name}`, () => {
    test("pages come in the order of compareKeys and join without gap or overlap, also beyond the basic plane", async () => {
      const { ledger } = await open(() => 0);
      const ids = ["b", "a", "\u{1F600}", "\uffee", "a/1", "", "é", "\ue000", "Z"].filter((id) => id.length > 0);
      const keys = ids.flatMap((id) => [keyOf(id), keyOf(id, "handbook")]);
      for (const key of [...keys, keyOf("a", "wiki", "marlow")]) await ledger.putDocument(putOf(key));
      await ledger.deleteDocument({ key: keyOf("b"), version: 1 });
      const expected = keys.toSorted(compareKeys);
      expect((await ledger.list(page)).map((record) => record.key)).toEqual(expected);
      const paged = [];
      for (let after: ListQuery["after"]; ; ) {
        const records = await ledger.list({ ...page, limit: 3, ...(after === undefined ? {} : { after }) });
        paged.push(...records.map((record) => record.key));
        const last = records.at(-1);
        if (last === undefined) break;
        after = last.key;
      }
      expect(paged).toEqual(expected);
      const wiki = (await ledger.list({ ...page, source: "wiki" })).map((record) => record.key);
      expect(wiki).toEqual(expected.filter((key) => key.source === "wiki"));
    });

    test("failed and lagging documents are listed by state", async () => {
      const { ledger } = await open(() => 0);
      for (const id of ["live", "failed", "lagging", "deleted"]) await ledger.putDocument(putOf(keyOf(id)));
      await makeLive(ledger, keyOf("live"));
      await ledger.fail(keyOf("failed"), {
        generation: 1,
        code: "not-html",
        message: "no",
        failedAt: "1970-01-01T00:00:00.000Z",
      });
      await ledger.deleteDocument({ key: keyOf("deleted"), version: 1 });
      const ids = async (query: Partial<ListQuery>) =>
        (await ledger.list({ ...page, ...query })).map(({ key }) => key.id);
      expect(await ids({ state: "failed" })).toEqual(["failed"]);
      expect(await ids({ state: "lagging" })).toEqual(["lagging"]);
      expect(await ids({ state: "lagging", fingerprint: "other" })).toEqual(["lagging", "live"]);
      expect(await ids({ state: "lagging", source: "handbook" })).toEqual([]);
      expect(await ids({ state: "stored" })).toEqual(["deleted", "failed", "lagging", "live"]);
    });

    test("what lags comes oldest first, over all tenants, within the limit", async () => {
      let now = 1_000;
      const { ledger } = await open(() => now);
      const keys = [keyOf("z"), keyOf("a", "wiki", "marlow"), keyOf("a")];
      for (const key of keys) {
        await ledger.putDocument(putOf(key));
        now += 1_000;
      }
      expect(await ledger.lagging(fingerprint, 10)).toEqual(keys);
      expect(await ledger.lagging(fingerprint, 2)).toEqual(keys.slice(0, 2));
      await makeLive(ledger, keyOf("z"));
      expect(await ledger.lagging(fingerprint, 10)).toEqual(keys.slice(1));
      await ledger.putDocument(putOf(keyOf("z"), { version: 2 }));
      expect(await ledger.lagging(fingerprint, 10)).toEqual([...keys.slice(1), keyOf("z")]);
    });

    test("the replacements of documents are those whose live content names them, under the fingerprint that was asked for", async () => {
      const { ledger } = await open(() => 0);
      const replaces = (...ids: string[]) => ({
        quality: { ...noQuality, supersedes: ids.map((id) => ({ source: "wiki", id })) },
      });
      await ledger.putDocument(putOf(keyOf("new"), replaces("old", "older")));
      await ledger.putDocument(putOf(keyOf("another"), replaces("old")));
      await ledger.putDocument(putOf(keyOf("old", "wiki", "marlow"), replaces("old")));
      expect(await ledger.replacements([keyOf("old")], fingerprint, visibleTo([]))).toEqual([]);
      for (const key of [keyOf("new"), keyOf("another"), keyOf("old", "wiki", "marlow")]) await makeLive(ledger, key);
      const found = async () =>
        (await ledger.replacements([keyOf("old"), keyOf("older"), keyOf("none")], fingerprint, visibleTo([]))).map(
          ({ key }) => key,
        );
      expect(await found()).toEqual([keyOf("another"), keyOf("new")]);
      expect(await ledger.replacements([keyOf("old")], "other", visibleTo([]))).toEqual([]);
      // One that the filter does not see is left out.
      expect(await ledger.replacements([keyOf("old")], fingerprint, { kind: "nothing" })).toEqual([]);
      expect(await ledger.replacements([keyOf("old")], fingerprint, visibleTo([], { sources: ["handbook"] }))).toEqual(
        [],
      );
      // A newer content counts once it is live.
      await ledger.putDocument(putOf(keyOf("another"), { version: 2 }));
      expect(await found()).toEqual([keyOf("another"), keyOf("new")]);
      await makeLive(ledger, keyOf("another"));
      await ledger.deleteDocument({ key: keyOf("new"), version: 1 });
      expect(await found()).toEqual([]);
    });
  });
}
