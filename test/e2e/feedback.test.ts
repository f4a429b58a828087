import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { limits } from "#core/limits.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { openStacks } from "#test/kit/stacks.ts";

const stacks = await openStacks("feedback", ["embedded", "full"]);

describe.for(stacks)("$name", (stack) => {
  let dataDir: string;
  let folder: ReturnType<typeof policyFolder>;
  let service: RunningService;
  const place = stack.place();

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "reticent-feedback-"));
    folder = policyFolder();
    service = await startService(
      defaultConfig({
        ...stack.settings(place),
        embedder: "hashed",
        port: 0,
        dataDir,
        policyDir: folder.dir,
        logLevel: "silent",
      }),
    );
    await put("mast", "The mast of the ship is made of larch", everyone);
    await put("keel", "The keel of the ship is made of oak", [{ access_type: "grant", type: "user", value: "nobody" }]);
  });
  afterAll(async () => {
    await service.close();
    await stack.erase(place);
    folder.remove();
    await rm(dataDir, { recursive: true, force: true });
  });

  interface Who {
    readonly user: string;
    readonly groups: readonly string[];
    readonly agents?: readonly string[];
    readonly tenant?: string;
  }
  const gwen: Who = { user: "gwen", groups: ["guests"] };
  const greg: Who = { user: "greg", groups: ["guests"] };
  const eve: Who = { user: "eve", groups: ["guests", "explainers"] };
  const wendy: Who = { user: "wendy", groups: ["writers"] };
  const everyone = [{ access_type: "grant", type: "everyone" }];

  async function call(
    { user, groups, agents = [], tenant = "one" }: Who,
    method: string,
    path: string,
    body?: unknown,
  ) {
    const token = await signToken({ dataDir, tenant, user, groups, agents, ttlS: 600, audience: "reticent" });
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, body: answer };
  }
  const put = (id: string, body: string, acl: unknown) =>
    call(wendy, "PUT", `/v1/documents/open/${id}?wait=true`, {
      version: 1,
      title: id,
      content_type: "text/plain",
      body,
      acl,
    });
  const question = "what is the mast of the ship made of";
  const ask = async (who: Who) => (await call(who, "POST", "/v1/retrieve", { query: question })).body;
  const judge = (who: Who, id: unknown, body: unknown) =>
    call(who, "POST", `/v1/retrievals/${String(id)}/feedback`, body);
  const look = async (who: Who, id: unknown) => (await call(who, "GET", `/v1/retrievals/${String(id)}`)).body;

  test("callers judge their own answer, the latest judgement counts, and they see their own; explainers see all", async () => {
    const { id } = await ask(gwen);
    expect(await judge(gwen, id, { judgement: "useful", comment: "larch it is" })).toMatchObject({
      status: 200,
      body: { feedback: { user: "user:gwen", judgement: "useful", document_id: null, comment: "larch it is" } },
    });
    const onDocument = { judgement: "useful", source: "open", document_id: "mast" };
    expect((await judge(gwen, id, onDocument)).status).toBe(200);
    expect((await judge(gwen, id, { judgement: "outdated" })).status).toBe(200);
    expect((await judge(eve, id, { judgement: "wrong" })).status).toBe(200);
    const own = await look(gwen, id);
    expect(own).toMatchObject({ view: "own" });
    expect(own.feedback).toMatchObject([
      { judgement: "useful", document_id: "mast", source: "open" },
      { judgement: "outdated", document_id: null, comment: null },
    ]);
    expect((await look(eve, id)).feedback).toMatchObject([{ document_id: "mast" }, {}, { user: "user:eve" }]);
  });

  test("for anybody else a retrieval is missing, with the same answer whether it exists or not", async () => {
    const { id } = await ask(gwen);
    const missing = `ret_${"0".repeat(32)}`;
    const blind = ({ body: { request_id: _random, ...rest }, status }: Awaited<ReturnType<typeof judge>>) => ({
      status,
      rest,
    });
    const others: Who[] = [
      greg,
      { ...gwen, tenant: "two", groups: ["staff"] },
      // The same user through an agent is somebody else.
      { user: "gwen", groups: ["staff"], agents: ["bot"] },
    ];
    for (const who of others) {
      for (const body of [{ judgement: "useful" }, { judgement: "wrong", source: "open", document_id: "mast" }]) {
        const hidden = blind(await judge(who, id, body));
        expect(hidden).toMatchObject({ status: 404, rest: { code: "not-found" } });
        expect(hidden).toEqual(blind(await judge(who, missing, body)));
      }
    }
    expect((await judge(gwen, "ret_x", { judgement: "useful" })).status).toBe(404);
    expect((await look(gwen, id)).feedback).toEqual([]);
  });

  test("feedback names only a document that was returned: a hidden and a missing one are refused alike", async () => {
    const { id } = await ask(gwen);
    const refusal = async (who: Who, document_id: string) => {
      const { status, body } = await judge(who, id, { judgement: "wrong", source: "open", document_id });
      const { request_id: _random, ...rest } = body;
      return { status, rest };
    };
    const hidden = await refusal(gwen, "keel");
    expect(hidden).toMatchObject({ status: 400, rest: { code: "invalid-request", pointer: "/document_id" } });
    expect(await refusal(gwen, "nowhere")).toEqual(hidden);
    expect(await refusal(eve, "keel")).toEqual(hidden);
  });

  test("a judgement of a document that is closed now is not shown to its own author, and no new one is taken", async () => {
    await put("flag", "The flag of the ship is striped green", everyone);
    const { id } = (await call(gwen, "POST", "/v1/retrieve", { query: "flag of the ship striped green" })).body;
    const body = { judgement: "wrong", source: "open", document_id: "flag" };
    expect((await judge(gwen, id, body)).status).toBe(200);
    await call(wendy, "PUT", "/v1/documents/open/flag/acl", { acl: [], labels: [] });
    expect((await judge(gwen, id, body)).status).toBe(400);
    expect((await look(gwen, id)).feedback).toEqual([]);
    expect((await look(eve, id)).feedback).toHaveLength(1);
  });

  test("no judgement moves an answer, the author's or anybody else's", async () => {
    const blind = async (who: Who) => ({ ...(await ask(who)), id: "" });
    const before = { gwen: await blind(gwen), greg: await blind(greg) };
    for (const judgement of ["wrong", "outdated", "useful"]) {
      for (const who of [gwen, eve]) {
        const { id } = await ask(gwen);
        await judge(who, id, { judgement, source: "open", document_id: "mast" });
      }
    }
    expect({ gwen: await blind(gwen), greg: await blind(greg) }).toEqual(before);
  });

  test("what is too long, unknown or half named is refused by name", async () => {
    const { id } = await ask(gwen);
    const code = async (body: unknown) => {
      const { status, body: answer } = await judge(gwen, id, body);
      return [status, answer.code, answer.pointer];
    };
    expect(await code({ judgement: "great" })).toEqual([400, "invalid-request", "/judgement"]);
    expect(await code({})).toEqual([400, "invalid-request", "/judgement"]);
    expect(await code({ judgement: "useful", document_id: "mast" })).toEqual([400, "invalid-request", "/document_id"]);
    expect(await code({ judgement: "useful", note: "x" })).toEqual([400, "invalid-request", ""]);
    expect(await code({ judgement: "useful", comment: "x".repeat(limits.feedbackCommentChars + 1) })).toEqual([
      422,
      "limit-exceeded",
      "/comment",
    ]);
    expect((await code({ judgement: "useful", comment: "x".repeat(limits.feedbackRequestBytes) }))[0]).toBe(413);
  });

  test("all judgements of the tenant are listed page by page, for those who may explain", async () => {
    expect((await call(gwen, "GET", "/v1/feedback")).body).toMatchObject({ status: 403, code: "forbidden" });
    const { body } = await call(eve, "GET", "/v1/feedback?limit=2");
    expect(body.feedback).toHaveLength(2);
    expect(body.feedback).toMatchObject([{ retrieval: expect.stringMatching(/^ret_/), user: "user:gwen" }, {}]);
    const next = await call(eve, "GET", `/v1/feedback?limit=2&cursor=${String(body.next_cursor)}`);
    expect(next.body.feedback).not.toEqual(body.feedback);
    // Nothing in a cursor counts what other tenants say.
    expect(Object.keys(JSON.parse(Buffer.from(String(body.next_cursor), "base64url").toString()))).toEqual([
      "at",
      "retrieval",
      "user",
      "actors",
      "document",
    ]);
    expect((await call(eve, "GET", "/v1/feedback?cursor=x")).body).toMatchObject({ status: 400, pointer: "?cursor" });
    expect((await call(eve, "GET", "/v1/feedback?limit=0")).body).toMatchObject({ code: "limit-exceeded" });
  });
});
