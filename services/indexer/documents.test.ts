import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { openIndexer, page } from "#test/kit/indexer.ts";
import { openStacks } from "#test/kit/stacks.ts";
import { documentStatusSchema } from "./status.ts";

const stacks = await openStacks("the indexer's documents", ["embedded", "full"]);

describe.for(stacks)("$name", (stack) => {
  let indexer: Awaited<ReturnType<typeof openIndexer>>;
  beforeAll(async () => {
    indexer = await openIndexer(stack);
  });
  afterAll(() => indexer.close());

  const ask: typeof indexer.ask = (...args) => indexer.ask(...args);
  const put = (who: string, id: string, change: object = {}, query = "", headers: Record<string, string> = {}) =>
    ask(who, `/v1/documents/wiki/${encodeURIComponent(id)}${query}`, {
      method: "PUT",
      body: { ...page, ...change },
      headers,
    });
  const get = (who: string | null, id: string, source = "wiki") =>
    ask(who, `/v1/documents/${source}/${encodeURIComponent(id)}`);
  const keyOf = (id: string) => ({ tenant: "halden", source: "wiki", id });
  const only = (name: string) => [{ access_type: "grant", type: "user", value: name }];

  test("a document is accepted, indexed, changed, repeated, and an older version ignored", async () => {
    const created = await put("sam", "flow");
    expect([created.status, created.body.outcome, created.body.document.state]).toEqual([202, "created", "indexing"]);
    expect(created.headers.etag).toBe('"1"');
    expect(documentStatusSchema.parse(created.body.document)).toMatchObject({ source: "wiki", id: "flow", version: 1 });
    expect(indexer.woken).toContainEqual(keyOf("flow"));

    await indexer.publish(keyOf("flow"));
    expect((await get("sam", "flow")).body.document).toMatchObject({ state: "searchable", live_version: 1 });
    const repeated = await put("sam", "flow");
    expect([repeated.status, repeated.body.outcome]).toEqual([200, "unchanged"]);
    const updated = await put("sam", "flow", { version: 3, body: "new" });
    expect([updated.status, updated.body.outcome]).toEqual([202, "updated"]);
    expect(updated.body.document).toMatchObject({ state: "indexing", version: 3, live_version: 1, access_revision: 1 });
    const older = await put("sam", "flow", { version: 2 });
    expect([older.status, older.body.outcome, older.body.document.version]).toEqual([200, "ignored", 3]);
    const conflict = await put("sam", "flow", { version: 3, body: "other" });
    expect([conflict.status, conflict.body.code]).toEqual([409, "version-conflict"]);
  });

  test("wait=true answers when the document is searchable, and 202 when the time is over first", async () => {
    const late = await put("sam", "late", {}, "?wait=true");
    expect([late.status, late.body.document.state]).toEqual([202, "indexing"]);
    indexer.worker.onWake = async (key) => void setImmediate(() => void indexer.publish(key));
    const done = await put("sam", "waited", {}, "?wait=true");
    indexer.worker.onWake = async () => {};
    expect([done.status, done.body.outcome, done.body.document.state]).toEqual([200, "created", "searchable"]);
  });

  test("a document that cannot be indexed says so", async () => {
    indexer.worker.onWake = async (key) => {
      await indexer.ledger.fail(key, {
        generation: 1,
        code: "no-text",
        message: "no text",
        failedAt: new Date().toISOString(),
      });
    };
    const failed = await put("sam", "empty", {}, "?wait=true");
    indexer.worker.onWake = async () => {};
    expect([failed.status, failed.body.document.state]).toEqual([200, "failed"]);
    expect(failed.body.document.failure).toEqual({
      code: "no-text",
      message: "no text",
      failed_at: expect.any(String),
    });
  });

  test("what was committed is acknowledged although the queue fails", async () => {
    indexer.worker.onWake = async () => {
      throw new Error("queue is gone");
    };
    const accepted = await put("sam", "unqueued");
    indexer.worker.onWake = async () => {};
    expect([accepted.status, accepted.body.outcome]).toEqual([202, "created"]);
  });

  test("access has its own revision, and If-Match guards it", async () => {
    await put("sam", "shared");
    const path = "/v1/documents/wiki/shared/acl";
    const set = (ifMatch: string | undefined, acl: unknown = only("erin"), who = "sam") =>
      ask(who, path, {
        method: "PUT",
        body: { acl, labels: [] },
        headers: ifMatch === undefined ? {} : { "if-match": ifMatch },
      });
    const changed = await set('"1"');
    expect([changed.status, changed.headers.etag, changed.body.document.access_revision]).toEqual([200, '"2"', 2]);
    expect((await set('"2"')).headers.etag).toBe('"2"');
    const stale = await set('"1"', []);
    expect([stale.status, stale.body.code]).toEqual([412, "revision-mismatch"]);
    expect((await set(undefined, [])).headers.etag).toBe('"3"');
    for (const odd of ["3", 'W/"3"', "*", '"x"', '"3", "4"', '"99999999999999999"']) {
      const answer = await set(odd);
      expect([odd, answer.status, answer.body.code]).toEqual([odd, 400, "invalid-request"]);
    }
    const stalePut = await put("sam", "shared", { version: 2 }, "", { "if-match": '"2"' });
    expect([stalePut.status, stalePut.body.code]).toEqual([412, "revision-mismatch"]);
    const fresh = await put("sam", "not-yet-there", {}, "", { "if-match": '"0"' });
    expect([fresh.status, fresh.body.document.access_revision]).toEqual([202, 1]);
  });

  test("an access change needs both the list and the labels", async () => {
    await put("sam", "halves");
    const set = (body: object) => ask("sam", "/v1/documents/wiki/halves/acl", { method: "PUT", body });
    expect((await set({ labels: [] })).body.code).toBe("acl-required");
    expect((await set({ acl: [] })).body).toMatchObject({ code: "invalid-request", pointer: "/labels" });
  });

  test("a deleted document leaves its version behind, and older writes stay out", async () => {
    await put("sam", "gone", { version: 5 });
    await indexer.publish(keyOf("gone"));
    const remove = (version: number, id = "gone") =>
      ask("sam", `/v1/documents/wiki/${id}?version=${version}`, { method: "DELETE" });
    expect((await remove(4)).body.outcome).toBe("ignored");
    const deleted = await remove(5);
    expect([deleted.status, deleted.body.outcome, deleted.body.document.state]).toEqual([200, "deleted", "deleted"]);
    expect((await remove(5)).body.outcome).toBe("unchanged");
    expect((await put("sam", "gone", { version: 5 })).body.outcome).toBe("ignored");
    expect((await get("erin", "gone")).status).toBe(404);
    expect((await get("sam", "gone")).body.document).toMatchObject({ state: "deleted", version: 5, access_hash: null });
    const never = await remove(1, "never");
    expect([never.status, never.body.code]).toEqual([404, "not-found"]);
    expect((await ask("sam", "/v1/documents/wiki/gone", { method: "DELETE" })).body).toMatchObject({
      pointer: "?version",
    });
  });

  test("a reader sees what is live and nothing of newer content, of access, or of a failure", async () => {
    await put("sam", "read");
    expect((await get("erin", "read")).status).toBe(404);
    await indexer.publish(keyOf("read"));
    await put("sam", "read", { version: 2, body: "newer" });
    const answer = await get("erin", "read");
    expect(answer.headers.etag).toBeUndefined();
    expect(answer.body.document).toEqual({
      source: "wiki",
      id: "read",
      state: "searchable",
      version: null,
      generation: null,
      live_generation: null,
      live_version: 1,
      live_chunks: null,
      access_revision: null,
      content_hash: null,
      access_hash: null,
      failure: null,
      accepted_at: null,
      deleted_at: null,
    });
  });

  test("hidden and missing are the same answer, for reading and for writing", async () => {
    await put("sam", "secret", { acl: only("mia") });
    await indexer.publish(keyOf("secret"));
    expect((await get("mia", "secret")).status).toBe(200);
    const requests = [
      (id: string) => get("erin", id),
      (id: string) => get("sue", id),
      (id: string) => get("erin+assistant", id),
      (id: string) => get("sam", id, "forum"),
      (id: string) => put("erin", id, { version: 9 }),
      (id: string) => ask("erin", `/v1/documents/wiki/${id}/acl`, { method: "PUT", body: { acl: [], labels: [] } }),
      (id: string) => ask("erin", `/v1/documents/wiki/${id}?version=9`, { method: "DELETE" }),
      (id: string) => ask("erin", `/v1/documents/wiki/${id}`, { tenant: "marlow" }),
    ];
    for (const request of requests) {
      const [hidden, missing] = [await request("secret"), await request("absent")];
      const { request_id: _a, ...one } = hidden.body;
      const { request_id: _b, ...other } = missing.body;
      expect([one.status, one]).toEqual([hidden.status, other]);
      expect([403, 404]).toContain(hidden.status);
    }
  });

  test("write and share are separate: who may only write cannot set access, who may only share cannot write", async () => {
    const created = await put("wes", "by-wes");
    expect([created.status, created.body.code]).toEqual([403, "forbidden"]);
    await put("sam", "by-wes");
    expect((await put("wes", "by-wes", { version: 2 })).body.outcome).toBe("updated");
    const widened = await put("wes", "by-wes", { version: 3, acl: only("wes") });
    expect([widened.status, widened.body.code]).toEqual([403, "forbidden"]);
    const path = "/v1/documents/wiki/by-wes/acl";
    expect((await ask("wes", path, { method: "PUT", body: { acl: [], labels: [] } })).status).toBe(403);
    expect((await ask("sue", path, { method: "PUT", body: { acl: [], labels: [] } })).status).toBe(200);
    expect((await put("sue", "by-wes", { version: 4 })).status).toBe(403);
    expect((await put("sam+assistant", "by-wes", { version: 4 })).status).toBe(403);
  });

  test("what a document may say is checked against the policy folder and the limits", async () => {
    const refused: [object, number, string, object?][] = [
      [{ acl: undefined }, 422, "acl-required"],
      [{ acl: Array.from({ length: limits.aclEntries + 1 }, () => page.acl[0]) }, 422, "acl-too-large", { max: 1000 }],
      [{ labels: ["confidental"] }, 422, "unknown-label"],
      [{ quality: { authority: "royal" } }, 422, "unknown-tier"],
      [{ title: "x".repeat(limits.titleChars + 1) }, 422, "limit-exceeded", { name: "title", max: limits.titleChars }],
      [{ body: "é".repeat(limits.bodyBytes / 2 + 1) }, 422, "limit-exceeded", { name: "body", max: limits.bodyBytes }],
      [{ body: "x".repeat(limits.requestBytes) }, 413, "body-too-large", { max: limits.requestBytes }],
      [{ version: -1 }, 400, "invalid-request"],
      [{ version: 2 ** 53 }, 422, "limit-exceeded"],
      [{ version: 1.5 }, 400, "invalid-request"],
      [{ url: "javascript:alert(1)" }, 400, "invalid-request"],
      [{ content_type: "application/pdf" }, 400, "invalid-request"],
      [{ body: "\ud800" }, 400, "invalid-request"],
      [{ quality: { supersedes: ["é".repeat(300)] } }, 422, "limit-exceeded"],
      [{ quality: { supersedes: ["a\u0000"] } }, 422, "document-refused"],
      [{ user: "bob" }, 400, "identity-in-request"],
      [{ tenant: "marlow" }, 400, "identity-in-request"],
      [{ extra: 1 }, 400, "invalid-request"],
    ];
    for (const [change, status, code, limit = {}] of refused) {
      const { body } = await put("sam", "refused", change);
      expect([Object.keys(change), { limit: {}, ...body }]).toMatchObject([
        Object.keys(change),
        { status, code, limit },
      ]);
    }
    expect((await get("sam", "refused")).status).toBe(404);
    const undeclared = await ask("sam", "/v1/documents/nowhere/x", { method: "PUT", body: page });
    expect([undeclared.status, undeclared.body.code]).toEqual([403, "forbidden"]);
    expect((await put("sam", "refused", {}, "?wait=true&wait=true")).body).toMatchObject({ pointer: "?wait" });
    expect((await put("sam", "refused", {}, "?as_user=bob")).body.code).toBe("invalid-request");
    expect((await put("sam", "refused", {}, "?user=bob")).body.code).toBe("identity-in-request");
  });

  test("ids of real documents come back as they were sent", async () => {
    for (const id of ["a/b#c?d@e f.md", "100%", "%2F", "Übersicht/雪 🦉.md"]) {
      const { status, body } = await put("sam", id);
      expect([status, body.document.id]).toEqual([202, id]);
      expect((await get("sam", id)).body.document.id).toBe(id);
    }
    const long = await put("sam", "é".repeat(257));
    expect([long.status, long.body.code, long.body.limit]).toEqual([
      422,
      "limit-exceeded",
      { name: "document id", max: 512 },
    ]);
  });

  test("a condition that a write does not check refuses it", async () => {
    await put("sam", "conditions");
    const url = "/v1/documents/wiki/conditions";
    const access = { acl: [], labels: [] };
    const tries = [
      ["PUT", url, { ...page, version: 9 }, { "if-none-match": "*" }, "If-None-Match"],
      ["PUT", `${url}/acl`, access, { "if-unmodified-since": "Sat, 21 Nov 2026 00:00:00 GMT" }, "If-Unmodified-Since"],
      ["DELETE", `${url}?version=9`, undefined, { "if-match": '"7"' }, "If-Match"],
      ["PUT", "/v1/principals/user:zed/disabled", { disabled: true }, { "if-match": '"1"' }, "If-Match"],
    ] as const;
    for (const [method, path, body, headers, pointer] of tries) {
      const answer = await ask("sam", path, { method, body, headers: { ...headers } });
      expect([answer.status, answer.body.code, answer.body.pointer]).toEqual([400, "invalid-request", pointer]);
    }
    expect((await get("sam", "conditions")).body.document).toMatchObject({ version: 1, access_revision: 1 });
  });

  test("names that nobody can see whole are refused: a deny that looks right must not deny nobody", async () => {
    for (const value of ["fin\u200bance", "\ufefffinance", "finance\u{e0041}", "fin\u00adance", "\u202efinance"]) {
      const answer = await put("sam", "unseen", { acl: [{ access_type: "deny", type: "group", value }] });
      expect([value, answer.status]).toEqual([value, 400]);
    }
    // Joiners are letters of some scripts.
    const joined = await put("sam", "joined", {
      acl: [{ access_type: "grant", type: "user", value: "می\u200cخواهم" }],
    });
    expect(joined.status).toBe(202);
    for (const change of [{ title: "Pay\u202etxt" }, { title: "two\nlines" }, { url: "https://x.example/\u202eb" }]) {
      expect([change, (await put("sam", "unseen", change)).status]).toEqual([change, 400]);
    }
    expect((await put("sam", "unseen", { quality: { owner: "me\u0007" } })).status).toBe(400);
    expect((await get("sam", "unseen")).status).toBe(404);
  });
});
