import { describe, expect, test } from "vitest";
import type { IndexFailure } from "#core/document.ts";
import { grantTo, keyOf, putOf } from "#test/kit/documents.ts";
import { fingerprint, makeLive, type OpenLedger } from "./support.ts";

const key = keyOf("page");
const first = { key, generation: 1, fingerprint };
const second = { key, generation: 2, fingerprint };

function failureOf(generation: number): IndexFailure {
  return { generation, code: "no-text", message: "empty", failedAt: "1970-01-01T00:00:00.000Z" };
}

/** What indexing does: announce, publish, fail, collect. */
export function ledgerIndexing(name: string, open: OpenLedger): void {
  describe(`Ledger contract, indexing: ${name}`, () => {
    test("a published generation is live, with the access and content that it was published for", async () => {
      const { ledger, reopen } = await open(() => 3_000);
      await ledger.putDocument(putOf(key, { version: 4, access: grantTo("group:finance"), url: "https://a.example" }));
      expect(await ledger.announce(first)).toBe(true);
      expect(await ledger.announce(first)).toBe(true);
      const publish = { ...first, contentVersion: 4, accessRevision: 1, chunkCount: 9 };
      expect(await ledger.publish(publish)).toBe("published");
      expect(await ledger.publish(publish)).toBe("published");
      const [record] = await (await reopen()).read([key]);
      expect(record?.live).toEqual({
        [fingerprint]: {
          generation: 1,
          chunkCount: 9,
          version: 4,
          title: "Title of page",
          url: "https://a.example",
          contentType: "text/plain",
          quality: putOf(key).quality,
          access: grantTo("group:finance"),
          publishedAt: "1970-01-01T00:00:03.000Z",
        },
      });
      // The index can be rebuilt from the ledger alone.
      expect(await ledger.readBody(key, 1)).toBe("Text of page.");
    });

    test("a publish that was overtaken by newer content, another version or a delete is stale", async () => {
      const { ledger } = await open(() => 0);
      const publish = { ...first, contentVersion: 1, accessRevision: 1, chunkCount: 1 };
      expect(await ledger.publish(publish)).toBe("stale");
      await ledger.putDocument(putOf(key));
      expect(await ledger.publish({ ...publish, contentVersion: 2 })).toBe("stale");
      await ledger.putDocument(putOf(key, { version: 2 }));
      expect(await ledger.announce(first)).toBe(false);
      expect(await ledger.publish(publish)).toBe("stale");
      await ledger.deleteDocument({ key, version: 2 });
      expect(await ledger.announce(second)).toBe(false);
      expect(await ledger.publish({ ...publish, ...second, contentVersion: 2 })).toBe("stale");
      expect((await ledger.read([key]))[0]?.live).toEqual({});
    });

    test("a publish that was overtaken by an access change is told so, and succeeds with the new revision", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key));
      await ledger.announce(first);
      await ledger.putAccess({ key, access: grantTo("group:hr") });
      const publish = { ...first, contentVersion: 1, accessRevision: 1, chunkCount: 1 };
      expect(await ledger.publish(publish)).toBe("access-moved");
      expect((await ledger.read([key]))[0]?.live).toEqual({});
      expect(await ledger.publish({ ...publish, accessRevision: 2 })).toBe("published");
      expect((await ledger.read([key]))[0]?.live[fingerprint]?.access).toEqual(grantTo("group:hr"));
    });

    test("two fingerprints are live beside each other", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key, "fingerprint-a");
      expect(await ledger.lagging("fingerprint-b", 10)).toEqual([key]);
      await makeLive(ledger, key, "fingerprint-b");
      expect(await ledger.lagging("fingerprint-a", 10)).toEqual([]);
      expect(await ledger.lagging("fingerprint-b", 10)).toEqual([]);
      expect(Object.keys((await ledger.read([key]))[0]?.live ?? {}).toSorted()).toEqual([
        "fingerprint-a",
        "fingerprint-b",
      ]);
    });

    test("a failure is kept for the wanted generation alone, leaves live text alone, and goes with newer content", async () => {
      const { ledger } = await open(() => 0);
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key);
      await ledger.putDocument(putOf(key, { version: 2 }));
      await ledger.fail(key, failureOf(1));
      await ledger.fail(keyOf("missing"), failureOf(1));
      expect((await ledger.read([key]))[0]?.failure).toBeUndefined();
      await ledger.fail(key, failureOf(2));
      expect((await ledger.read([key]))[0]).toMatchObject({
        failure: failureOf(2),
        live: { [fingerprint]: { generation: 1 } },
      });
      expect(await ledger.lagging(fingerprint, 10)).toEqual([]);
      const { record } = await ledger.putDocument(putOf(key, { version: 3 }));
      expect(record.failure).toBeUndefined();
      expect(await ledger.lagging(fingerprint, 10)).toEqual([key]);
      await ledger.fail(key, failureOf(3));
      await makeLive(ledger, key);
      expect((await ledger.read([key]))[0]?.failure).toBeUndefined();
      // Nor does a failure stay that a second worker reported of what is live.
      await ledger.fail(key, failureOf(3));
      await makeLive(ledger, key);
      expect((await ledger.read([key]))[0]?.failure).toBeUndefined();
      expect(await ledger.collectable(1_000, 10)).toEqual([first]);
    });

    test("a replaced generation can be collected after its grace, until it was collected", async () => {
      let now = 100;
      const { ledger, reopen } = await open(() => now);
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key);
      await ledger.putDocument(putOf(key, { version: 2 }));
      now = 200;
      await makeLive(ledger, key);
      expect(await ledger.collectable(200, 10)).toEqual([]);
      expect(await ledger.collectable(201, 10)).toEqual([first]);
      // Handed out and not collected, as after a crash: handed out again.
      const again = await reopen();
      expect(await again.collectable(201, 10)).toEqual([first]);
      await again.collected(first);
      expect(await again.collectable(1_000, 10)).toEqual([]);
    });

    test("a delete retires every generation, announced or live", async () => {
      const { ledger } = await open(() => 100);
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key);
      await ledger.putDocument(putOf(key, { version: 2 }));
      await ledger.announce(second);
      await ledger.deleteDocument({ key, version: 2 });
      expect(await ledger.collectable(101, 10)).toEqual([first, second]);
    });

    test("an announced generation that never became live can be collected once it is not wanted", async () => {
      const { ledger } = await open(() => 100);
      await ledger.putDocument(putOf(key));
      await ledger.announce(first);
      expect(await ledger.collectable(1_000, 10)).toEqual([]);
      await ledger.putDocument(putOf(key, { version: 2 }));
      expect(await ledger.collectable(1_000, 10)).toEqual([first]);
    });

    test("a late worker's stale publish makes its generation collectable again, even while it is being collected", async () => {
      let now = 100;
      const { ledger } = await open(() => now);
      const publish = { ...first, contentVersion: 1, accessRevision: 1, chunkCount: 1 };
      await ledger.putDocument(putOf(key));
      await ledger.announce(first);
      await ledger.putDocument(putOf(key, { version: 2 }));
      expect(await ledger.collectable(1_000, 10)).toEqual([first]);
      now = 500;
      expect(await ledger.publish(publish)).toBe("stale");
      await ledger.collected(first);
      expect(await ledger.collectable(500, 10)).toEqual([]);
      expect(await ledger.collectable(501, 10)).toEqual([first]);
      await ledger.collected(first);
      expect(await ledger.publish(publish)).toBe("stale");
      expect(await ledger.collectable(501, 10)).toEqual([first]);
    });

    test("collecting never forgets a generation that is live", async () => {
      const { ledger } = await open(() => 100);
      await ledger.putDocument(putOf(key));
      await makeLive(ledger, key);
      await ledger.collected(first);
      await ledger.putDocument(putOf(key, { version: 2 }));
      await makeLive(ledger, key);
      expect(await ledger.collectable(1_000, 10)).toEqual([first]);
    });
  });
}
