import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { accessOf } from "#core/access/acl.ts";
import { keyOf, putOf } from "#test/kit/documents.ts";
import { openIndexer, page } from "#test/kit/indexer.ts";
import { openStacks } from "#test/kit/stacks.ts";
import { cursorOf } from "./cursor.ts";

const stacks = await openStacks("the indexer's lists", ["embedded", "full"]);

describe.for(stacks)("$name", (stack) => {
  let indexer: Awaited<ReturnType<typeof openIndexer>>;
  const ask: typeof indexer.ask = (...args) => indexer.ask(...args);

  const grant = (type: string, value: string) => [{ access_type: "grant", type, value }];
  const documents: readonly [string, string, object][] = [
    ["handbook", "leave", {}],
    ["handbook", "pay", { acl: grant("group", "managers"), labels: ["personal-data"] }],
    ["wiki", "a", {}],
    ["wiki", "b", { acl: grant("user", "mia") }],
    ["wiki", "c", { labels: ["engineering-only"] }],
    ["wiki", "d", {}],
    ["support", "s", {}],
    ["forum", "f", {}],
  ];

  beforeAll(async () => {
    indexer = await openIndexer(stack);
    for (const [source, id, change] of documents) {
      await ask("sam", `/v1/documents/${source}/${id}`, { method: "PUT", body: { ...page, ...change } });
      await indexer.publish({ tenant: "halden", source, id });
    }
    await ask("sam", "/v1/documents/wiki/not-indexed", { method: "PUT", body: page });
  });
  afterAll(() => indexer.close());

  /** Follows the cursor to the end. */
  async function all(who: string, query: string, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? "" : `&cursor=${cursor}`;
      const { body } = await ask(who, `/v1/documents?limit=${limit}${query}${at}`);
      expect(body.documents.length).toBeLessThanOrEqual(limit);
      ids.push(...body.documents.map(({ source, id }: { source: string; id: string }) => `${source}/${id}`));
      cursor = body.next_cursor;
    } while (cursor !== null);
    return ids;
  }

  const readable: Readonly<Record<string, readonly string[]>> = {
    erin: ["forum/f", "handbook/leave", "support/s", "wiki/a", "wiki/c", "wiki/d"],
    carol: ["handbook/leave", "support/s", "wiki/a", "wiki/d"],
    mia: ["forum/f", "handbook/leave", "handbook/pay", "support/s", "wiki/a", "wiki/b", "wiki/c", "wiki/d"],
    "mia+assistant": ["handbook/leave", "support/s", "wiki/a", "wiki/b", "wiki/c", "wiki/d"],
    nobody: [],
  };

  test("each caller lists what they may read now, whatever the page size", async () => {
    for (const [who, ids] of Object.entries(readable)) {
      for (const limit of [1, 2, 1000]) expect([who, await all(who, "", limit)]).toEqual([who, ids]);
    }
    expect(await all("mia", "&source=wiki", 2)).toEqual(["wiki/a", "wiki/b", "wiki/c", "wiki/d"]);
    expect(await all("carol", "&source=forum", 2)).toEqual([]);
    expect(await all("carol", "&source=nowhere", 2)).toEqual([]);
  });

  test("no page and no cursor depends on documents that the caller may not read", async () => {
    const before = await ask("carol", "/v1/documents?limit=3");
    await ask("sam", "/v1/documents/wiki/aa-hidden", { method: "PUT", body: { ...page, acl: grant("user", "mia") } });
    await indexer.publish({ tenant: "halden", source: "wiki", id: "aa-hidden" });
    const after = await ask("carol", "/v1/documents?limit=3");
    expect(after.body).toEqual(before.body);
    const last = await ask("carol", "/v1/documents?limit=4");
    expect(last.body.next_cursor).toBeNull();
    await ask("sam", "/v1/documents/wiki/aa-hidden?version=1", { method: "DELETE" });
    // An index with a copy of access hears of it through the worker, and selects the document until then.
    await indexer.publish({ tenant: "halden", source: "wiki", id: "aa-hidden" });
  });

  test("via=filter is for those who may explain, and agrees with the re-check", async () => {
    expect(await all("sam", "&via=filter", 2)).toEqual(await all("sam", "", 1000));
    expect(await all("sam", "&via=filter&source=wiki", 1)).toEqual(await all("sam", "&source=wiki", 1000));
    expect((await ask("erin", "/v1/documents?via=filter")).body.code).toBe("forbidden");
  });

  test("failed documents are listed for those who oversee the tenant or write the source", async () => {
    const failure = { generation: 1, code: "no-text", message: "no text", failedAt: new Date().toISOString() } as const;
    await indexer.ledger.fail({ tenant: "halden", source: "wiki", id: "not-indexed" }, failure);
    for (const [who, query] of [
      ["sam", ""],
      ["ada", ""],
      ["exa", ""],
      ["wes", "&source=wiki"],
    ] as const) {
      const { body } = await ask(who, `/v1/documents?state=failed${query}`);
      expect([who, body.documents.length, body.documents[0].state]).toEqual([who, 1, "failed"]);
    }
    for (const [who, query] of [
      ["erin", ""],
      ["wes", ""],
      ["wes", "&source=handbook"],
      ["sue", "&source=wiki"],
    ] as const) {
      const { body } = await ask(who, `/v1/documents?state=failed${query}`);
      expect([who, query, body.code]).toEqual([who, query, "forbidden"]);
    }
  });

  test("everything stored in a source, tombstones included, is listed for its writers only", async () => {
    const { body } = await ask("wes", "/v1/documents?state=stored&source=wiki");
    expect(body.documents.map(({ id, state }: { id: string; state: string }) => `${id} ${state}`)).toEqual([
      "a searchable",
      "aa-hidden deleted",
      "b searchable",
      "c searchable",
      "d searchable",
      "not-indexed failed",
    ]);
    expect((await ask("ada", "/v1/documents?state=stored&source=wiki")).body.code).toBe("forbidden");
    expect((await ask("wes", "/v1/documents?state=stored")).body).toMatchObject({
      code: "invalid-request",
      pointer: "?source",
    });
    const pages = await all("wes", "&state=stored&source=wiki", 2);
    expect(pages).toHaveLength(6);
  });

  test("a list's parameters and cursor are checked", async () => {
    const refused = [
      "limit=0",
      "limit=x",
      "limit=1e2",
      "cursor=abc",
      `cursor=${cursorOf({ source: "wiki", id: "a" })}=`,
      `cursor=${Buffer.from('[1, "wiki", "a"]').toString("base64url")}`,
      `cursor=${Buffer.from('[1,"../x","a"]').toString("base64url")}`,
      "state=stored&source=wiki&via=filter",
      "state=all",
      "q=1",
      "limit=1&limit=2",
    ];
    for (const query of refused) {
      const { body } = await ask("sam", `/v1/documents?${query}`);
      expect([query, body.code]).toEqual([query, "invalid-request"]);
    }
    for (const query of ["limit=1001", `cursor=${"a".repeat(3_000)}`]) {
      const { body } = await ask("sam", `/v1/documents?${query}`);
      expect([query, body.code]).toEqual([query, "limit-exceeded"]);
    }
    for (const query of ["user=mia", "tenant=marlow", "groups=managers", "acting_as=mia"]) {
      const { body } = await ask("erin", `/v1/documents?${query}`);
      expect([query, body.code]).toEqual([query, "identity-in-request"]);
    }
  });

  test("a writer learns the sources and labels to use, and nobody else does", async () => {
    expect((await ask("wes", "/v1/sources")).body).toEqual({
      sources: [{ source: "wiki", tier: "team", front_matter: ["review_state", "authority"] }],
      labels: ["engineering-only", "personal-data"],
    });
    const { body } = await ask("sam", "/v1/sources");
    expect(body.sources.map(({ source }: { source: string }) => source)).toEqual([
      "forum",
      "handbook",
      "support",
      "wiki",
    ]);
    expect((await ask("erin", "/v1/sources")).body).toEqual({ sources: [], labels: [] });
  });

  test("a disabled principal is out before the token expires, agents too, and comes back when enabled", async () => {
    const set = (who: string, id: string, body: unknown) =>
      ask(who, `/v1/principals/${encodeURIComponent(id)}/disabled`, { method: "PUT", body });
    expect((await ask("carol", "/v1/documents")).status).toBe(200);
    expect((await set("sam", "user:carol", { disabled: true })).body).toEqual({
      principal: "user:carol",
      disabled: true,
    });
    const out = await ask("carol", "/v1/documents");
    expect([out.status, out.body.code]).toEqual([403, "principal-disabled"]);
    await set("sam", "user:carol", { disabled: false });
    expect((await ask("carol", "/v1/documents")).status).toBe(200);
    await set("ada", "agent:assistant", { disabled: true });
    expect((await ask("mia+assistant", "/v1/documents")).body.code).toBe("principal-disabled");
    expect((await ask("mia", "/v1/documents")).status).toBe(200);
    expect((await set("erin", "user:sam", { disabled: true })).body.code).toBe("forbidden");
    for (const id of ["carol", "group:x", "role:admin", "user:", "user: x"]) {
      expect([id, (await set("sam", id, { disabled: true })).body.code]).toEqual([id, "invalid-request"]);
    }
    expect((await set("sam", "user:carol", { disabled: "yes" })).body.pointer).toBe("/disabled");
    expect((await set("sam", "user:carol", { disabled: true, user: "x" })).body.code).toBe("identity-in-request");
  });

  test("a list that passes over many hidden documents gives everybody else their turn in between", async () => {
    const { ledger } = indexer;
    const access = accessOf([{ access_type: "grant", type: "user", value: "somebody" }], []);
    for (let i = 0; i < 510; i++) await ledger.putDocument({ ...putOf(keyOf(`hidden-${i}`, "support")), access });
    let turns = 0;
    let over = false;
    const turn = () => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const list = ledger.list.bind(ledger);
    const turnsOfReads: number[] = [];
    const spy = vi.spyOn(ledger, "list").mockImplementation((query) => {
      turnsOfReads.push(turns);
      return list(query);
    });
    try {
      expect((await ask("carol", "/v1/documents?source=support")).body.documents).toEqual([
        { source: "support", id: "s" },
      ]);
    } finally {
      over = true;
      spy.mockRestore();
    }
    expect(turnsOfReads.length).toBeGreaterThan(1);
    expect(new Set(turnsOfReads).size).toBe(turnsOfReads.length);
  });
});
